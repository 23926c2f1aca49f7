//! The generated files: what is in each, and whether those on disk are still the same.
use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::kept::kept;
use crate::{
    admission, alerts, chart, dashboards, depot, gitops, install, manifests, metrics, permissions, reasons, reference,
    stores, template, traps, verbs, yaml,
};

/// A file, relative to the root of the checkout.
#[derive(Debug, PartialEq, Eq)]
pub struct Generated {
    /// Where it goes.
    pub path: Cow<'static, str>,
    /// What is in it.
    pub text: String,
}

/// Why nothing, or not all, was generated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A CRD could not be finished.
    #[error("a derived CRD does not serialize: {0}")]
    Schema(#[source] serde_json::Error),
    /// An object could not be written as YAML.
    #[error("an object does not serialize to YAML: {0}")]
    Yaml(#[from] serde_yaml_ng::Error),
    /// A file could not be written.
    #[error("{path} cannot be written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what the code says.
    #[error("{path} is not what the code generates; run `cargo xtask generate` and commit the result")]
    Stale {
        /// The file.
        path: PathBuf,
    },
}

/// The three CRDs as they are applied.
///
/// # Errors
/// When a derived CRD cannot be finished.
pub fn crds() -> Result<Vec<Value>, Error> {
    api::schema::crds().map_err(Error::Schema)
}

/// All generated files.
///
/// # Errors
/// When one cannot be made.
pub fn files() -> Result<Vec<Generated>, Error> {
    let kinds = crds()?;
    let crds = yaml::documents(&kinds.iter().cloned().map(kept).collect::<Vec<_>>())?;
    let [policy, binding] = install::deletion_protection();
    let [downloads, its_binding] = install::downloads();
    let install = [
        yaml::HEADER.to_string(),
        format!(
            "# Everything that a cluster needs. Replace {} (twice) by the image that you have built.\n",
            install::IMAGE
        ),
        yaml::documents(&[kept(install::namespace())])?,
        crds.clone(),
        yaml::documents(&[install::service_account()])?,
        install::cluster_role(),
        yaml::documents(&[
            install::cluster_role_binding(),
            install::lease_role(),
            install::lease_role_binding(),
            admission::cluster_role(),
            admission::cluster_role_binding(),
            admission::role(),
            admission::role_binding(),
            admission::service(),
            install::metrics_service(),
            policy,
            binding,
            downloads,
            its_binding,
            install::deployment(),
            // Last: nothing of ours can be created between this and the first operator that is ready.
            admission::configuration(),
        ])?,
    ]
    .concat();
    let mut files = vec![
        Generated {
            path: "deploy/crds.yaml".into(),
            text: [yaml::HEADER, &crds].concat(),
        },
        Generated {
            path: "deploy/install.yaml".into(),
            text: install,
        },
        depot::file()?,
    ];
    files.extend(reference::PAGES.iter().zip(&kinds).map(|(page, crd)| Generated {
        path: page.path.into(),
        text: reference::page(page, crd),
    }));
    files.extend(chart::files(&kinds)?);
    files.extend(alerts::files()?);
    files.extend(dashboards::files()?);
    files.push(Generated {
        path: template::PATH.into(),
        text: template::page(),
    });
    files.push(Generated {
        path: reasons::PATH.into(),
        text: reasons::page(),
    });
    files.push(Generated {
        path: manifests::PATH.into(),
        text: manifests::page(),
    });
    files.push(Generated {
        path: traps::PATH.into(),
        text: traps::page(),
    });
    files.extend(gitops::files());
    files.push(Generated {
        path: stores::PATH.into(),
        text: stores::page(),
    });
    files.push(Generated {
        path: metrics::PATH.into(),
        text: metrics::page(),
    });
    files.push(Generated {
        path: permissions::PATH.into(),
        text: permissions::page(),
    });
    files.extend(verbs::files());
    Ok(files)
}

/// Writes the files below `root`.
///
/// # Errors
/// When one cannot be made or written.
pub fn write(root: &Path) -> Result<(), Error> {
    for file in files()? {
        let path = root.join(&*file.path);
        let folder = path.parent().unwrap_or(root);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, &file.text))
            .map_err(|source| Error::Write {
                path: path.clone(),
                source,
            })?;
    }
    Ok(())
}

/// Compares the files below `root` with what the code says.
///
/// # Errors
/// Names the first file that differs or is missing.
pub fn check(root: &Path) -> Result<(), Error> {
    for file in files()? {
        let path = root.join(&*file.path);
        if std::fs::read_to_string(&path).ok().as_deref() != Some(&file.text) {
            return Err(Error::Stale { path });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    /// etcd and client-side apply (which keeps a copy in an annotation) both end near here.
    const CRD_MAX: usize = 256 * 1024;

    #[test]
    fn what_is_committed_is_what_the_code_says() {
        check(&root()).unwrap();
    }

    #[test]
    fn a_stale_file_is_named() {
        let empty = std::env::temp_dir().join("backup-operator-xtask-nothing-here");
        let error = check(&empty).unwrap_err().to_string();
        assert!(
            error.contains("deploy/crds.yaml") && error.contains("cargo xtask generate"),
            "{error}"
        );
    }

    #[test]
    fn each_crd_fits_the_annotation_of_kubectl_apply() {
        for crd in crds().unwrap() {
            let size = kept(crd.clone()).to_string().len();
            assert!(size < CRD_MAX, "{} has {size} bytes", crd["metadata"]["name"]);
        }
    }

    #[test]
    fn every_schema_is_structural_and_our_fields_are_explained() {
        fn walk(schema: &Value, path: &str, in_pod: bool, count: &mut usize) {
            *count += 1;
            let typed = schema.get("type").is_some() || schema.get("x-kubernetes-int-or-string").is_some();
            assert!(typed, "{path} has no type");
            for no in ["anyOf", "oneOf", "allOf", "not", "$ref", "nullable", "title"] {
                assert!(schema.get(no).is_none(), "{path} has {no}");
            }
            let explained = schema.get("description").is_some();
            assert!(in_pod || explained || path.ends_with("[]"), "{path} has no description");
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                walk(
                    property,
                    &format!("{path}.{name}"),
                    in_pod || path.ends_with("template.spec"),
                    count,
                );
            }
            for (key, mark) in [("items", "[]"), ("additionalProperties", "[]")] {
                if let Some(below) = schema.get(key).filter(|b| b.is_object()) {
                    walk(below, &format!("{path}{mark}"), in_pod, count);
                }
            }
        }
        for crd in crds().unwrap() {
            let mut count = 0;
            let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
            walk(
                schema,
                crd["spec"]["names"]["kind"].as_str().unwrap(),
                false,
                &mut count,
            );
            assert!(count > 20);
        }
    }
}
