//! Functions of Go and Sprig that a path template does not have, and why.

/// The reason, and the names that it goes for.
pub const REFUSED: &[(&str, &[&str])] = &[
    ("a path must not show the operator's environment", &["env", "expandenv"]),
    ("a path must not depend on the network", &["getHostByName"]),
    (
        "keys, certificates, passwords and ciphers have no place in a path",
        &[
            "bcrypt",
            "htpasswd",
            "genPrivateKey",
            "derivePassword",
            "buildCustomCert",
            "genCA",
            "genCAWithKey",
            "genSelfSignedCert",
            "genSelfSignedCertWithKey",
            "genSignedCert",
            "genSignedCertWithKey",
            "encryptAES",
            "decryptAES",
        ],
    ),
    ("there are no functions among the values of a path template", &["call"]),
];
