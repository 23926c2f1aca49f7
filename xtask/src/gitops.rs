//! Argo CD's health checks of the kinds, as the ConfigMap that Argo CD reads them from. The checks are docs/gitops/*.lua.
use crate::yaml;

/// Where the ConfigMap goes.
pub const PATH: &str = "docs/gitops/argocd-cm.yaml";

/// Kind and its check.
pub const CHECKS: [(&str, &str); 3] = [
    ("BackupStorage", include_str!("../../docs/gitops/backupstorage.lua")),
    ("BackupSchedule", include_str!("../../docs/gitops/backupschedule.lua")),
    ("BackupRun", include_str!("../../docs/gitops/backuprun.lua")),
];

const HEAD: &str = "# For Argo CD: merge into its ConfigMap, as in `kubectl -n argocd patch configmap argocd-cm --patch-file argocd-cm.yaml`.
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
data:
";

/// The ConfigMap.
pub fn config_map() -> String {
    let mut text = [yaml::HEADER, HEAD].concat();
    for (kind, check) in CHECKS {
        text.push_str(&format!("  resource.customizations.health.{}_{kind}: |\n", api::GROUP));
        for line in check.lines() {
            let indent = if line.is_empty() { "" } else { "    " };
            text.push_str(&format!("{indent}{line}\n"));
        }
    }
    text
}
