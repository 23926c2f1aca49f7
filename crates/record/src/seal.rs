//! What a restore needs, encrypted as its backup is: whoever can read the backup can read how it is restored, and nobody else.
use std::io;

use api::BackupRunSpec;
use pipeline::{Identities, Recipients};

use crate::schema::{LONGEST, Needs, Record};

/// Why what a restore needs is not to be had of a record.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The recipients of the run.
    #[error("spec.encryption.{0}")]
    Recipients(#[from] pipeline::encrypt::RecipientError),
    /// The library would not.
    #[error("the run's spec cannot be encrypted for its recipients")]
    Seal(#[source] io::Error),
    /// Nobody gave a key.
    #[error("the record's template is encrypted for the backup's recipients: give the matching key (--identity)")]
    Locked,
    /// Another key, or another text.
    #[error("the record's template cannot be decrypted")]
    Open(#[source] io::Error),
    /// What was encrypted is no spec.
    #[error("what the record says of the run cannot be read")]
    Form(#[source] serde_json::Error),
    /// It is no backup's.
    #[error("what the record says of the run has no backup: nothing was stored by it")]
    NoBackup,
    /// It never was in it.
    #[error("the record has no template: {0}")]
    LeftOut(String),
}

const UNKNOWN: &str =
    "it may hold passwords, and whom the backup is encrypted for was not known when this was written (recipientsFrom)";

impl Needs {
    /// Of a run's spec, as its encryption asks for it.
    ///
    /// # Errors
    /// A recipient is none.
    pub fn of(spec: &BackupRunSpec) -> Result<Self, SealError> {
        let recipients = spec
            .encryption
            .as_ref()
            .map(|e| e.recipients.as_slice())
            .unwrap_or_default();
        let Some(recipients) = Recipients::parse(recipients)? else {
            if spec.encryption.is_some() {
                // It may hold passwords, and whom it is to be encrypted for is not known: a run that was brought back has not read them.
                return Ok(Self::LeftOut(UNKNOWN.into()));
            }
            return Ok(Self::Spec(Box::new(spec.clone())));
        };
        let text = serde_json::to_vec(spec).map_err(SealError::Form)?;
        let sealed = recipients.seal(&text).map_err(SealError::Seal)?;
        Ok(Self::Sealed(sealed))
    }
}

impl Record {
    /// The run's spec, with a key where it is encrypted.
    ///
    /// # Errors
    /// It is encrypted and no key was given or none fits, or it is not in the record.
    pub fn open(&self, key: Option<Identities>) -> Result<BackupRunSpec, SealError> {
        let spec: BackupRunSpec = match (&self.needs, key) {
            (Needs::Spec(spec), _) => Ok((**spec).clone()),
            (Needs::Sealed(_), None) => Err(SealError::Locked),
            (Needs::Sealed(sealed), Some(key)) => {
                let text = zeroize::Zeroizing::new(key.open(sealed, LONGEST).map_err(SealError::Open)?);
                serde_json::from_slice(&text).map_err(SealError::Form)
            }
            (Needs::LeftOut(why), _) => Err(SealError::LeftOut(why.clone())),
        }?;
        // Only backups have records; a run that restores would be told of as a restore that failed.
        spec.backup.is_some().then_some(spec).ok_or(SealError::NoBackup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::record;

    const KEY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

    #[test]
    fn the_template_of_an_encrypted_backup_is_read_with_its_key_only() {
        let mut run = testing::backup_run();
        run.spec.template.spec.containers[0].env =
            serde_json::from_value(serde_json::json!([{"name": "PGPASSWORD", "value": "hunter2"}])).unwrap();
        let plain = Needs::of(&run.spec).unwrap();
        assert_eq!(plain, Needs::Spec(Box::new(run.spec.clone())));
        run.spec.encryption = Some(api::run::Encryption {
            recipients: vec![RECIPIENT.into()],
            recipients_from: vec![],
            decryption_key: None,
        });
        let sealed = Record {
            needs: Needs::of(&run.spec).unwrap(),
            encryption: run.spec.encryption.clone(),
            ..record()
        };
        let bytes = sealed.to_bytes().unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"));
        let read = Record::read(&bytes).unwrap();
        assert_eq!(read.open(Some(Identities::parse(KEY).unwrap())).unwrap(), run.spec);
        assert!(matches!(read.open(None), Err(SealError::Locked)));
        let other = "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQS6Y2EK";
        if let Ok(other) = Identities::parse(other) {
            assert!(matches!(read.open(Some(other)), Err(SealError::Open(_))));
        }
    }
}
