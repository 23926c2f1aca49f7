//! What opens an object that was encrypted with a passphrase (scrypt): what it asks for is looked at before it is worked on.
use age::secrecy::SecretString;
use age::{DecryptError, scrypt};
use age_core::format::{FileKey, Stanza};

use crate::allowance::{Allowance, WORK_FACTOR};

/// The tag of its stanza.
pub(super) const TAG: &str = "scrypt";

/// The passphrase, and the work that may be done for it.
pub(super) struct Passphrase<'a> {
    pub text: &'a SecretString,
    pub allowance: Allowance,
}

impl age::Identity for Passphrase<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag != TAG {
            return None;
        }
        // What is no number, the library refuses.
        let factor = stanza.args.get(1).and_then(|text| text.parse().ok());
        if let Some(required) = factor.filter(|factor| self.allowance.refuses_work(*factor).is_some()) {
            return Some(Err(DecryptError::ExcessiveWork {
                required,
                target: WORK_FACTOR,
            }));
        }
        let mut identity = scrypt::Identity::new(self.text.clone());
        identity.set_max_work_factor(WORK_FACTOR);
        identity.unwrap_stanza(stanza)
    }
}
