//! What a bucket has: objects in the order of their keys, a page at a time, and uploads that are not completed.
use super::label::Label;
use super::uploads::is_id;
use super::{Shelf, UPLOADS};
use crate::fault::{At, Fault};
use crate::files::Files;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Keys begin with it.
    pub prefix: String,
    /// Keys with a `/` behind the prefix are told as one.
    pub folders: bool,
    /// Keys come after it.
    pub after: String,
    /// As many at most.
    pub most: usize,
}

/// An object of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// What is said of it.
    pub label: Label,
}

/// Some objects of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// In the order of their keys.
    pub objects: Vec<Listed>,
    /// Where they were asked for: what keys begin with, each with its `/`.
    pub folders: Vec<String>,
    /// The last that was told, where there are more.
    pub next: Option<String>,
}

/// An upload that is not completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// Of the object.
    pub key: String,
    /// Of the upload.
    pub id: String,
    /// Seconds since 1970.
    pub begun: i64,
}

impl<F: Files> Shelf<F> {
    /// A page of a bucket's objects.
    ///
    /// # Errors
    /// No such bucket; the disk.
    pub fn page(&self, bucket: &str, asked: &Asked) -> Result<Page, Fault> {
        self.bucket(bucket)?;
        let mut page = Page::default();
        // Names that are still to be looked at, the next one last; a folder has its `/`.
        let mut ahead = self.names(bucket, "", asked)?;
        while let Some(name) = ahead.pop() {
            if page.objects.len() + page.folders.len() >= asked.most {
                // Only where there is another object: a folder may have none.
                if self.any_at(bucket, &name, asked, &mut ahead)? {
                    page.next = page.last(asked);
                    break;
                }
                continue;
            }
            match name.strip_suffix('/') {
                Some(_) if asked.folders && name.len() > asked.prefix.len() => {
                    if name > asked.after && self.any(bucket, &name)? {
                        page.folders.push(name);
                    }
                }
                Some(_) => ahead.extend(self.names(bucket, &name, asked)?),
                None => page.objects.extend(self.listed(bucket, name)?),
            }
        }
        Ok(page)
    }

    /// Whether something is to be told at a name; folders are entered.
    fn any_at(&self, bucket: &str, name: &str, asked: &Asked, ahead: &mut Vec<String>) -> Result<bool, Fault> {
        match name.strip_suffix('/') {
            Some(_) if asked.folders && name.len() > asked.prefix.len() => {
                Ok(name > asked.after.as_str() && self.any(bucket, name)?)
            }
            Some(_) => {
                ahead.extend(self.names(bucket, name, asked)?);
                Ok(false)
            }
            None => Ok(self.listed(bucket, name.to_owned())?.is_some()),
        }
    }

    fn listed(&self, bucket: &str, key: String) -> Result<Option<Listed>, Fault> {
        Ok(self.look_at(bucket, &key)?.0.map(|label| Listed { key, label }))
    }

    /// Whether there is any object below a folder.
    fn any(&self, bucket: &str, folder: &str) -> Result<bool, Fault> {
        let all = Asked::default();
        let mut ahead = vec![folder.to_owned()];
        while let Some(name) = ahead.pop() {
            if name.ends_with('/') {
                ahead.extend(self.names(bucket, &name, &all)?);
            } else if self.look_at(bucket, &name)?.0.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The names in a folder that lead to what is asked for, the first one last.
    fn names(&self, bucket: &str, folder: &str, asked: &Asked) -> Result<Vec<String>, Fault> {
        let path = format!("{bucket}/{folder}");
        let entries = self.files.list(path.trim_end_matches('/')).at("list a folder")?;
        let mut names: Vec<String> = entries
            .into_iter()
            .map(|entry| format!("{folder}{}{}", entry.name, if entry.folder { "/" } else { "" }))
            .filter(|name| {
                let prefix = asked.prefix.as_str();
                let below = name.starts_with(prefix) || name.ends_with('/') && prefix.starts_with(name.as_str());
                // A folder comes after the key where what is in it may.
                let after = *name > asked.after || name.ends_with('/') && asked.after.starts_with(name.as_str());
                below && after
            })
            .collect();
        names.sort_unstable_by(|one, other| other.cmp(one));
        Ok(names)
    }

    /// Uploads below a prefix that are not completed, by key, then by age.
    ///
    /// # Errors
    /// No such bucket; the disk.
    pub fn unfinished(&self, bucket: &str, prefix: &str) -> Result<Vec<Unfinished>, Fault> {
        self.bucket(bucket)?;
        let mut found = Vec::new();
        for entry in self.files.list(UPLOADS).at("list uploads")? {
            if !entry.folder || !is_id(&entry.name) {
                continue;
            }
            let job = self
                .job(&entry.name)?
                .filter(|job| job.bucket == bucket && job.key.starts_with(prefix));
            let Some(job) = job else { continue };
            if self.is_alive(&entry.name, &job)? {
                found.push(Unfinished {
                    key: job.key,
                    id: entry.name,
                    begun: job.begun,
                });
            }
        }
        found.sort_unstable_by(|one, other| (&one.key, one.begun, &one.id).cmp(&(&other.key, other.begun, &other.id)));
        Ok(found)
    }
}

impl Page {
    fn last(&self, asked: &Asked) -> Option<String> {
        let object = self.objects.last().map(|listed| listed.key.as_str());
        // All that is below a folder was told with it.
        let folder = self.folders.last().map(|folder| format!("{folder}\u{10ffff}"));
        object
            .map(ToOwned::to_owned)
            .max(folder)
            .or_else(|| Some(asked.after.clone()))
    }
}
