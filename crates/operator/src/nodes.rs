//! The nodes of the cluster, a page at a time: each has some ten kilobytes, most of them its images.
use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::{Api, Client};

use crate::write::{WriteError, bounded};

/// Nodes of one answer.
const PAGE: u32 = 100;

/// Shows each node to `see`, and says how many there are. `what` is what they are read for, as an error tells it.
///
/// # Errors
/// A page did not come; those before it were seen.
pub async fn each(client: &Client, what: &'static str, mut see: impl FnMut(&Node)) -> Result<usize, WriteError> {
    let api: Api<Node> = Api::all(client.clone());
    let mut page = ListParams::default().limit(PAGE);
    let mut count = 0;
    loop {
        let nodes = bounded(what, api.list(&page)).await?;
        count += nodes.items.len();
        nodes.items.iter().for_each(&mut see);
        match nodes.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(count),
        }
    }
}
