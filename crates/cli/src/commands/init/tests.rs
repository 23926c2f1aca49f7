//! What `init` prints, refuses and keeps.
use super::*;

fn args(words: &[&str]) -> Args {
    use clap::{Args as _, FromArgMatches};
    let command = Args::augment_args(clap::Command::new("init"));
    let found = command.try_get_matches_from([&["init"], words].concat()).unwrap();
    Args::from_arg_matches(&found).unwrap()
}

fn said(words: &[&str]) -> Result<String, String> {
    let mut out = Vec::new();
    run(&args(words), &mut out).map(|()| String::from_utf8(out).unwrap())
}

const RECIPE: Recipe = Recipe {
    name: "trial",
    text: r#"# A trial. More of it.
#   kubectl -n development create secret generic age
#   kubectl annotate br shop-1767225600 now
apiVersion: backup-operator.io/v1
kind: BackupSchedule
metadata:
  name: shop
  namespace: development # of the application
spec:
  schedule: "0 3 * * *"
  template:
    spec:
      storage:
        name: local
        path: /backups/shop-{{ now }}.sql
      backup:
        command: ["dump", "-h", "db", "shop"]
      restore:
        args:
        - load -h db && count -h db shop && curl http://db:80 && wait -h 127.0.0.1
      template:
        spec:
          containers:
          - name: shop
            env:
            - name: PASSWORD
              valueFrom:
                secretKeyRef: {name: age, key: password}
---
apiVersion: backup-operator.io/v1
kind: BackupDrill
metadata: {name: weekly, namespace: development}
spec:
  schedule: "0 6 * * 0"
  source:
    schedule: shop
"#,
};

#[test]
fn every_name_goes_where_it_belongs_and_comments_stay() {
    let names = Names {
        namespace: Some("blog"),
        name: Some("posts"),
        storage: Some("offsite"),
        schedule: Some("@daily"),
        secret: Some("keys"),
        host: Some("db.blog"),
    };
    let filled = fill::fill(&RECIPE, &names).unwrap();
    let wanted = RECIPE
        .text
        .replace("development", "blog")
        .replace("generic age", "generic keys")
        .replace("{name: age,", "{name: keys,")
        .replace("br shop-", "br posts-")
        .replace("  name: shop\n  namespace", "  name: posts\n  namespace")
        .replace("/shop-", "/posts-")
        .replace("schedule: shop", "schedule: posts")
        .replace("name: local", "name: offsite")
        .replace("\"0 3 * * *\"", "\"@daily\"")
        .replace("\"db\"", "\"db.blog\"")
        .replace("-h db ", "-h db.blog ")
        .replace("//db:", "//db.blog:");
    assert_eq!(filled, wanted);
}

#[test]
fn without_names_it_is_the_recipe_as_it_is() {
    assert_eq!(fill::fill(&RECIPE, &Names::default()).unwrap(), RECIPE.text);
    for recipe in all() {
        assert_eq!(said(&[recipe.name]).unwrap(), recipe.text);
    }
}

#[test]
fn every_example_is_a_recipe_and_is_listed_with_what_it_is() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples");
    let list = said(&[]).unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        if file.extension().is_none_or(|end| end != "yaml") {
            continue;
        }
        let name = file.file_stem().unwrap().to_str().unwrap();
        let recipe = all()
            .iter()
            .find(|recipe| recipe.name == name)
            .unwrap_or_else(|| panic!("{name}"));
        assert_eq!(recipe.text, std::fs::read_to_string(&file).unwrap());
        assert!(
            recipe.about().len() > 10,
            "{name} begins with no comment that says what it is"
        );
        assert!(list.contains(&format!("\n{name} ")), "{list}");
    }
}

#[test]
fn each_recipe_says_in_which_names_it_has_a_place_for() {
    assert_eq!(
        said(&["storage-aws", "--host", "db"]).unwrap_err(),
        "--host: the recipe storage-aws has no place for it; it takes --namespace, --name, --secret"
    );
    assert_eq!(
        said(&["failing", "--secret", "x"]).unwrap_err(),
        "--secret: the recipe failing has no place for it; it takes --name, --storage, --schedule"
    );
}

#[test]
fn what_can_be_no_name_is_refused_with_the_flag() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["mysql", "--name", "My_App"],
            "--name: \"My_App\" is no name of an object",
        ),
        (&["mysql", "-n", "a: b"], "--namespace: \"a: b\" is no name"),
        (
            &["mysql", "--host", "db; rm -rf /"],
            "--host: \"db; rm -rf /\" is no host",
        ),
        (&["mysql", "--schedule", "0 25 * * *"], "--schedule: "),
        (
            &["retentoin"],
            "there is no recipe \"retentoin\"; did you mean retention?\ntry: kubectl backup init",
        ),
        (&["-n", "shop"], "names were given, and no recipe"),
    ];
    for (words, wanted) in cases {
        let error = said(words).unwrap_err();
        assert!(error.contains(wanted), "{words:?}: {error}");
    }
}

#[test]
fn recipients_take_the_place_of_those_that_are_none_or_go_before_the_command() {
    let keys = [
        "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
        "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
    ];
    let text = said(&["encryption", "--recipient", keys[0], "--recipient", keys[1]]).unwrap();
    let wanted = format!(
        "        recipients:\n        - {}\n        - {}\n        decryptionKey:\n",
        keys[0], keys[1]
    );
    assert!(text.contains(&wanted), "{text}");
    assert!(!text.contains("these are refused"), "{text}");
    let error = said(&["encryption", "--recipient", "age1-your-public-key"]).unwrap_err();
    assert!(error.starts_with("--recipient: "), "{error}");
    let text = said(&["redis", "--recipient", keys[0]]).unwrap();
    let wanted = format!("encryption:\n        recipients:\n        - {}\n", keys[0]);
    assert_eq!(text.matches(&wanted).count(), 1, "{text}");
    let text = said(&["kubernetes", "--recipient", keys[0]]).unwrap();
    assert!(
        !text.contains("recipientsFrom") && text.matches("encryption:").count() == 1,
        "{text}"
    );
    let error = said(&["storage", "--recipient", keys[0]]).unwrap_err();
    assert!(error.contains("makes no backup"), "{error}");
}
