//! Removes what crashes have left, and uploads that nobody goes on with.
use super::uploads::{Job, folder, is_id};
use super::{Shelf, UPLOADS, locked};
use crate::fault::{At, Fault};
use crate::files::Files;

/// An upload at which nothing was done for so long is dropped.
const FORGOTTEN: i64 = 7 * 24 * 3600;
/// What was begun within that may still be under way in this process.
const UNDER_WAY: i64 = 24 * 3600;

impl<F: Files> Shelf<F> {
    /// An upload that can be gone on with: it was not completed by a process that died before it had removed it.
    pub(super) fn is_alive(&self, id: &str, job: &Job) -> Result<bool, Fault> {
        if self
            .files
            .stat(&format!("{}/data", folder(id)))
            .at("look at an upload")?
            .is_none()
        {
            return Ok(false);
        }
        let label = self.look_at(&job.bucket, &job.key)?.0;
        Ok(label.is_none_or(|label| label.upload.as_deref() != Some(id)))
    }

    /// Removes what is over: how much that was. At the start of a process nothing is under way.
    ///
    /// # Errors
    /// The disk.
    pub fn sweep(&self, start: bool, now: i64) -> Result<usize, Fault> {
        let mut removed = 0;
        for entry in self.files.list(UPLOADS).at("list uploads")? {
            let path = format!("{UPLOADS}/{}", entry.name);
            let touched = |path: &str| {
                Ok(self
                    .files
                    .stat(path)
                    .at("look at an upload")?
                    .map_or(0, |stat| stat.modified))
            };
            if !entry.folder {
                if start || touched(&path)? < now - UNDER_WAY {
                    self.files.remove(&path).at("remove what was left")?;
                    removed += 1;
                }
                continue;
            }
            if !is_id(&entry.name) {
                continue;
            }
            let over = match self.job(&entry.name)? {
                None => start || touched(&path)? < now - UNDER_WAY,
                Some(job) => {
                    let last = touched(&format!("{path}/data"))?
                        .max(touched(&format!("{path}/notes"))?)
                        .max(job.begun);
                    last < now - FORGOTTEN || (start || last < now - UNDER_WAY) && !self.is_alive(&entry.name, &job)?
                }
            };
            if over {
                self.end(&entry.name)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    fn end(&self, id: &str) -> Result<(), Fault> {
        let open = locked(&self.uploads).get(id).cloned();
        if let Some(upload) = open {
            let _alone = locked(&upload.parts);
            if upload.close().is_err() {
                return Ok(());
            }
            return self.forget(id).inspect_err(|_| upload.open_again());
        }
        self.forget(id)
    }
}
