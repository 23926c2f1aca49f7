//! The two C calls that no safe crate has; the agent's only unsafe code.
#![allow(unsafe_code)]

unsafe extern "C" {
    /// glibc's `nss.h`: sets the services of a database, in place of /etc/nsswitch.conf.
    fn __nss_configure_lookup(database: *const libc::c_char, services: *const libc::c_char) -> libc::c_int;
}

/// Prepares libc, before the first thread.
///
/// - The agent is static, but glibc's resolver loads the modules that the image's /etc/nsswitch.conf names: those of
///   another libc version, which may crash. `files` and `dns` are inside libc itself since glibc 2.34.
/// - Memory that is freed goes back at once and threads share one arena: the user's container pays for it.
pub fn prepare() {
    // SAFETY: both strings are constants that end in NUL; libc keeps no pointer that is written to.
    // No other thread runs yet.
    unsafe {
        __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr());
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 256 << 10);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 512 << 10);
    }
}
