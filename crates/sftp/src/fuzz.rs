//! What a server of SFTP answers, as bytes that nobody made for this.
use ::fuzz::Target;
use bytes::Bytes;

use crate::wire::{Packet, reply};

#[cfg_attr(test, test)]
pub fn fuzz_what_a_server_answers() {
    let names = Packet::new(104, 1)
        .word(1)
        .bytes(b"n")
        .bytes(b"l")
        .word(0)
        .done()
        .slice(4..);
    let version = Packet::new(2, 3).bytes(b"a").bytes(b"1").done().slice(4..);
    let target = Target {
        name: "what a server of SFTP answers",
        seeds: &[&names, &version],
        words: &["\0\0\0\u{1}", "\u{7f}"],
    };
    target.run(|bytes| {
        reply(Bytes::copy_from_slice(bytes))
            .map(|(id, _)| id as usize)
            .ok_or_else(String::new)
    });
}
