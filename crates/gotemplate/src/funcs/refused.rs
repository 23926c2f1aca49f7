//! Functions of Go and Sprig that a path template does not have, and why.

const SECRET: &str = "a path must not show the operator's environment";
const RANDOM: &str = "it is random, and a path has to follow from the template and the time";
const NETWORK: &str = "a path must not depend on the network";
const CRYPTO: &str = "keys, certificates and passwords have no place in a path";
const TIME: &str = "its result depends on when it is looked at beyond `now`, or on data that a path does not have";
const MARKUP: &str = "a path is not HTML or JavaScript";
const LATER: &str = "this version of the operator does not have it";

const REFUSED: &[(&str, &[&str])] = &[
    (SECRET, &["env", "expandenv"]),
    (RANDOM, &["randAlphaNum", "randAlpha", "randAscii", "randNumeric", "randBytes", "randInt", "shuffle", "uuidv4"]),
    (NETWORK, &["getHostByName"]),
    (
        CRYPTO,
        &[
            "bcrypt", "htpasswd", "genPrivateKey", "derivePassword", "buildCustomCert", "genCA", "genCAWithKey",
            "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "encryptAES",
            "decryptAES",
        ],
    ),
    (TIME, &["ago", "durationRound"]),
    (MARKUP, &["html", "js"]),
    (
        LATER,
        &[
            "abbrev", "abbrevboth", "add1f", "addf", "adler32sum", "append", "b32dec", "b32enc", "b64dec", "b64enc", "base",
            "call", "camelcase", "ceil", "chunk", "clean", "compact", "concat", "deepCopy", "deepEqual", "dict", "dig", "dir",
            "divf", "ext", "first", "float64", "floor", "fromJson", "get", "has", "hasKey", "hello", "indent", "index",
            "initial", "initials", "isAbs", "join", "kebabcase", "keys", "kindIs", "kindOf", "last", "list", "maxf", "merge",
            "mergeOverwrite", "minf", "mulf", "mustAppend", "mustChunk", "mustCompact", "mustDeepCopy", "mustFirst",
            "mustFromJson", "mustHas", "mustInitial", "mustLast", "mustMerge", "mustMergeOverwrite", "mustPrepend",
            "mustPush", "mustRegexFind", "mustRegexFindAll", "mustRegexMatch", "mustRegexReplaceAll",
            "mustRegexReplaceAllLiteral", "mustRegexSplit", "mustRest", "mustReverse", "mustSlice", "mustToDate",
            "mustToJson", "mustToPrettyJson", "mustToRawJson", "mustUniq", "mustWithout", "nindent", "omit", "osBase",
            "osClean", "osDir", "osExt", "osIsAbs", "pick", "pluck", "prepend", "push", "regexFind", "regexFindAll",
            "regexMatch", "regexQuoteMeta", "regexReplaceAll", "regexReplaceAllLiteral", "regexSplit", "rest", "reverse",
            "round", "semver", "semverCompare", "seq", "set", "sha1sum", "sha256sum", "sha512sum", "slice", "snakecase",
            "sortAlpha", "split", "splitList", "splitn", "subf", "swapcase", "title", "toDate", "toDecimal", "toJson",
            "toPrettyJson", "toRawJson", "toStrings", "tuple", "typeIs", "typeIsLike", "typeOf", "uniq", "unset", "until",
            "untilStep", "untitle", "urlJoin", "urlParse", "urlquery", "values", "without", "wrap", "wrapWith",
        ],
    ),
];

/// Why a function that Go or Sprig has is not here; None for one that neither has.
pub fn why(name: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(_, names)| names.contains(&name)).map(|(why, _)| *why)
}
