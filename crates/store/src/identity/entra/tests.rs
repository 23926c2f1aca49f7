use super::*;
use crate::parameters::Parameters;
use crate::proxy::Proxies;

fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables: std::collections::BTreeMap<String, String> = variables
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    Environment::new(move |name| variables.get(name).cloned(), Proxies::default())
}

fn parameters(more: &[(&str, &str)]) -> AzureParameters {
    let mut all = std::collections::BTreeMap::from([
        ("container".to_owned(), "backups".to_owned()),
        ("account".to_owned(), "mybackups".to_owned()),
    ]);
    all.extend(more.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    match Parameters::parse(Kind::Azure, &all).unwrap() {
        Parameters::Azure(azure) => azure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_operators_token_goes_to_hosts_of_azure_or_of_its_own_environment_alone() {
    let token = (FILE, "/token");
    for (endpoint, hosts, good) in [
        ("", "", true),
        ("https://mybackups.blob.core.usgovcloudapi.net", "", true),
        ("https://mybackups.z12.blob.storage.azure.net", "", true),
        (
            "https://mybackups.blob.core.windows.net.evil.example/mybackups",
            "",
            false,
        ),
        ("http://mybackups.blob.core.windows.net", "", false),
        ("https://backups.example.com", "", false),
        ("https://backups.example.com", "other.example, example.com", true),
        ("https://badexample.com", "example.com", false),
        ("http://127.0.0.1:10000/mybackups", "127.0.0.1", true),
    ] {
        let said = may_have(
            &environment(&[token, (HOSTS, hosts)]),
            &parameters(&[("endpoint", endpoint)]),
        );
        assert_eq!(said.is_ok(), good, "{endpoint} {hosts}: {said:?}");
        // A key signs, and is sent to nobody.
        let key = environment(&[token, (ACCOUNT_KEY, "a2V5")]);
        assert!(may_have(&key, &parameters(&[("endpoint", endpoint)])).is_ok());
    }
}

#[test]
fn what_entra_says_is_told_with_its_cure_and_without_the_token() {
    let now = Timestamp::UNIX_EPOCH;
    let refused = |code: &str| {
        let body =
            format!("{{\"error\":\"invalid_client\",\"error_description\":\"{code}: No match.\\r\\nTrace ID: 1\"}}");
        taken(401, body.as_bytes(), now).unwrap_err()
    };
    for (code, cure) in [
        ("AADSTS700213", "another subject"),
        ("AADSTS700211", "another issuer"),
        ("AADSTS70021", "no federated credential"),
        ("AADSTS700016", "client-id"),
        ("AADSTS90002", "AZURE_TENANT_ID"),
        ("AADSTS1", "invalid_client AADSTS1: No match."),
    ] {
        let said = refused(code);
        assert!(said.contains("Entra answered 401") && said.contains(cure), "{said}");
        assert!(!said.contains("Trace ID"), "{said}");
    }
    for (body, good) in [
        ("{\"access_token\":\"t\",\"expires_in\":3599}", true),
        ("{\"access_token\":\"t\",\"expires_in\":\"3599\"}", true),
        ("{\"access_token\":\"hunter2\"}", false),
        ("{\"access_token\":\"hunter2\",\"expires_in\":-1}", false),
        ("{\"access_token\":\"hunter2 x\",\"expires_in\":3599}", false),
        ("{\"expires_in\":3599}", false),
        ("<html>", false),
    ] {
        match taken(200, body.as_bytes(), now) {
            Ok(credentials) => {
                assert!(good, "{body}");
                assert_eq!(credentials.expires().map(Timestamp::as_second), Some(3599));
            }
            Err(why) => assert!(!good && !why.contains("hunter2"), "{body}: {why}"),
        }
    }
}

#[test]
fn a_token_is_taken_to_a_place_that_nobody_else_can_read_on_the_way_to() {
    let url = endpoint("https://login.microsoftonline.com/", "tenant").unwrap();
    assert_eq!(
        url.as_str(),
        "https://login.microsoftonline.com/tenant/oauth2/v2.0/token"
    );
    for (authority, good) in [
        ("https://login.example", true),
        ("http://127.0.0.1:1", true),
        ("http://login.example", false),
        ("login", false),
    ] {
        assert_eq!(endpoint(authority, "t").is_ok(), good, "{authority}");
    }
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let now = Timestamp::UNIX_EPOCH;
    for (variables, says) in [
        (&[][..], "azure.workload.identity/use"),
        (&[(FILE, "/token")], CLIENT),
        (&[(FILE, "/token"), (CLIENT, "c")], TENANT),
        (&[(FILE, "/token"), (CLIENT, "c"), (TENANT, "a/b")], "no tenant"),
        (&[(FILE, "/nowhere"), (CLIENT, "c"), (TENANT, "t")], "/nowhere"),
    ] {
        let said = find(&environment(variables), now).await.unwrap_err().to_string();
        assert!(said.contains(says), "{says}: {said}");
    }
    let key = find(&environment(&[(ACCOUNT_KEY, "a2V5")]), now).await.unwrap();
    assert_eq!(key, Credentials::of_account(Secret::new("a2V5")));
}
