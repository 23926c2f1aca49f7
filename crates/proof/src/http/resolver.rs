//! The store's name, looked up every few seconds: the HTTP client would ask before each request, also where it has a
//! connection, which costs a thread and ten questions to the cluster's DNS for every part.
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::uri::{Authority, InvalidUri};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// How long an answer is used again. Shorter than any pause between tries of a part that matters, so that a store that has
/// moved is found.
const FRESH: Duration = Duration::from_secs(5);

/// Keeps the last answer.
#[derive(Debug, Default)]
pub struct Remembering<R = DefaultResolver> {
    inner: R,
    last: Mutex<Option<Answer>>,
}

#[derive(Debug)]
struct Answer {
    at: Instant,
    of: Authority,
    addresses: ResolvedSocketAddrs,
}

/// Another place than the one in the URL, where there is one.
#[derive(Debug, Default)]
pub struct Elsewhere {
    inner: DefaultResolver,
    to: Option<Authority>,
}

impl Elsewhere {
    /// `host:port`; None: where the URL says.
    ///
    /// # Errors
    /// It is none.
    pub fn to(place: Option<&str>) -> Result<Self, InvalidUri> {
        Ok(Self {
            inner: DefaultResolver::default(),
            to: place.map(str::parse).transpose()?,
        })
    }
}

impl Resolver for Elsewhere {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let Some(to) = &self.to else {
            return self.inner.resolve(uri, config, timeout);
        };
        let mut parts = uri.clone().into_parts();
        parts.authority = Some(to.clone());
        let there = Uri::from_parts(parts).map_err(|_| Error::HostNotFound)?;
        self.inner.resolve(&there, config, timeout)
    }
}

impl<R: Resolver> Remembering<R> {
    /// What that one says.
    pub fn over(inner: R) -> Self {
        Self {
            inner,
            last: Mutex::default(),
        }
    }

    fn remembered(&self, of: &Authority, now: Instant) -> Option<ResolvedSocketAddrs> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = last.as_ref()?;
        let good = answer.of == *of && now.saturating_duration_since(answer.at) < FRESH;
        good.then(|| answer.addresses.clone())
    }
}

impl<R: Resolver> Resolver for Remembering<R> {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let Some(of) = uri.authority() else {
            return self.inner.resolve(uri, config, timeout);
        };
        let now = Instant::now();
        if let Some(addresses) = self.remembered(of, now) {
            return Ok(addresses);
        }
        let addresses = self.inner.resolve(uri, config, timeout)?;
        let answer = Answer {
            at: now,
            of: of.clone(),
            addresses: addresses.clone(),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_used_again_for_the_same_name_and_for_seconds_only() {
        let resolver = Remembering::<DefaultResolver>::default();
        let of: Authority = "store.example:9000".parse().unwrap();
        let other: Authority = "store.example:9001".parse().unwrap();
        let now = Instant::now();
        assert!(resolver.remembered(&of, now).is_none());
        let mut addresses = resolver.inner.empty();
        addresses.push(([127, 0, 0, 1], 9000).into());
        *resolver.last.lock().unwrap() = Some(Answer {
            at: now,
            of: of.clone(),
            addresses,
        });
        assert_eq!(resolver.remembered(&of, now + FRESH / 2).map(|a| a.len()), Some(1));
        assert!(resolver.remembered(&other, now).is_none());
        assert!(resolver.remembered(&of, now + FRESH).is_none());
    }
}
