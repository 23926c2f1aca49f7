//! A ServiceAccount's projected token (IRSA): AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN.
use jiff::Timestamp;

use super::SESSION;
use super::ask;
use super::chain::{Environment, Source};
use super::sts::{self, Sts};

const FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
const ROLE: &str = "AWS_ROLE_ARN";

pub(super) async fn find(environment: &Environment, region: &str, now: Timestamp) -> Result<Source, String> {
    let Some(file) = environment.get(FILE) else {
        return Ok(Source::PassedBy(format!(
            "no {FILE} (for IRSA: is the operator's ServiceAccount annotated with eks.amazonaws.com/role-arn, and its Pod newer than that?)"
        )));
    };
    let role = environment.get(ROLE).ok_or_else(|| {
        format!("{FILE} is set, and no {ROLE}: the annotation eks.amazonaws.com/role-arn of the operator's ServiceAccount sets both")
    })?;
    let endpoint = match environment.get(sts::ENDPOINT) {
        Some(named) => named,
        None => sts::of_region(&environment.region().unwrap_or_else(|| region.to_owned())),
    };
    let sts = Sts::by_environment(&endpoint, environment)?;
    let session = environment.get("AWS_ROLE_SESSION_NAME");
    let token = ask::token(&file)?;
    let session = session.as_deref().unwrap_or(SESSION);
    sts.by_web_identity(&role, session, &token, now).await.map(Source::of)
}
