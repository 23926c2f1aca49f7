//! `init`: prints a manifest of docs/examples with one's own names, comments kept. It asks no cluster and writes no file.
mod fill;
mod recipes;

pub use recipes::{Recipe, all};

use planner::schedule::cron::Calendar;
use planner::validate::{meant, recipient};

use self::fill::Names;

/// Which recipe, and the names in it.
#[derive(clap::Args)]
pub struct Args {
    /// The recipe; without it all are listed.
    #[arg(value_name = "RECIPE")]
    recipe: Option<String>,
    /// Where the objects go.
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// What the schedule, run or storage is called; what names it in the same recipe follows.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The BackupStorage that backups go to.
    #[arg(long, value_name = "STORAGE")]
    storage: Option<String>,
    /// When backups are made, as in `0 3 * * *` or @daily.
    #[arg(long, value_name = "CRON")]
    schedule: Option<String>,
    /// The Secret that the password or the keys are taken from.
    #[arg(long, value_name = "SECRET")]
    secret: Option<String>,
    /// The host of the server that is backed up.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Whose key opens the backups: an age public key (age1...) or an SSH one. Once for each; two, one of them kept outside of the cluster, are best.
    #[arg(long = "recipient", value_name = "RECIPIENT")]
    recipients: Vec<String>,
}

/// Prints it, or the list.
///
/// # Errors
/// There is no such recipe, a name cannot be one, or the recipe has no place for it.
pub fn run(args: &Args, out: &mut Vec<u8>) -> Result<(), String> {
    let Some(wanted) = &args.recipe else {
        return list(args, out);
    };
    let recipe = all().iter().find(|recipe| recipe.name == wanted).ok_or_else(|| {
        let hint = meant(wanted, all().iter().map(|recipe| recipe.name));
        let hint = hint.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
        format!("there is no recipe {wanted:?}{hint}\ntry: kubectl backup init")
    })?;
    let text = fill::fill(recipe, &names(args)?)?;
    let text = fill::recipients(recipe.name, text, &args.recipients)?;
    out.extend(text.bytes());
    Ok(())
}

fn list(args: &Args, out: &mut Vec<u8>) -> Result<(), String> {
    if names(args)?.given().next().is_some() || !args.recipients.is_empty() {
        return Err("names were given, and no recipe to put them into\ntry: kubectl backup init".into());
    }
    let wide = all().iter().map(|recipe| recipe.name.len()).max().unwrap_or_default();
    let mut text = format!("{:wide$}  WHAT IT IS\n", "RECIPE");
    for recipe in all() {
        text.push_str(&format!("{:wide$}  {}\n", recipe.name, recipe.about()));
    }
    text.push_str("\nkubectl backup init RECIPE -n NAMESPACE | kubectl apply -f -\n");
    out.extend(text.bytes());
    Ok(())
}

/// The names, each of a form that it can have.
fn names(args: &Args) -> Result<Names<'_>, String> {
    let object = |flag: &str, value: &Option<String>| match value {
        Some(name) if !is_name(name) => Err(format!(
            "--{flag}: {name:?} is no name of an object: small letters, digits, - and ., at most 253 of them, a letter or digit at both ends"
        )),
        _ => Ok(()),
    };
    object("namespace", &args.namespace)?;
    object("name", &args.name)?;
    object("storage", &args.storage)?;
    object("secret", &args.secret)?;
    if let Some(host) = args.host.as_ref().filter(|host| !is_host(host)) {
        return Err(format!(
            "--host: {host:?} is no host: a name or an address, without a port"
        ));
    }
    if let Some(schedule) = &args.schedule {
        Calendar::parse(schedule, None).map_err(|e| format!("--schedule: {e}"))?;
    }
    for recipient in &args.recipients {
        recipient::check(recipient).map_err(|e| format!("--recipient: {e}"))?;
    }
    Ok(Names {
        namespace: args.namespace.as_deref(),
        name: args.name.as_deref(),
        storage: args.storage.as_deref(),
        schedule: args.schedule.as_deref(),
        secret: args.secret.as_deref(),
        host: args.host.as_deref(),
    })
}

fn is_name(name: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    name.len() <= 253 && ends(name.chars().next()) && ends(name.chars().last()) && name.chars().all(inside)
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && !host.starts_with('-') && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:".contains(c))
}

#[cfg(test)]
mod tests;
