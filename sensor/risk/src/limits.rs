//! Every limit of what is imported, kept and compared.

/// Octets of one document: a CSAF advisory, or the list of lifecycles.
pub const DOCUMENT: u64 = 64 << 20;
/// Octets of one element of a stream: a CVE of NVD or KEV.
pub const ELEMENT: u64 = 8 << 20;
/// Octets that one file may unpack to; NVD with all its years has a third of this.
pub const UNPACKED: u64 = 8 << 30;
/// How many times its packed size something may unpack to, once it is above [`RATIO_FROM`].
pub const RATIO: u64 = 200;
/// Octets from which on the ratio counts.
pub const RATIO_FROM: u64 = 32 << 20;
/// Members of an archive.
pub const MEMBERS: usize = 500_000;
/// Wrappings of a document, one in another: a feed that is packed, in an archive that is packed.
pub const DEPTH: usize = 3;
/// Octets of one line of a table (EPSS, IEEE).
pub const LINE: u64 = 64 << 10;
/// Octets of records held in memory before they are laid aside.
pub const STAGED: usize = 48 << 20;
/// Runs that are laid aside before they are merged into one.
pub const RUNS: usize = 16;
/// Octets of a block of the knowledge file before it is closed.
pub const BLOCK: usize = 32 << 10;
/// Octets of one record.
pub const RECORD: usize = 16 << 20;
/// Octets of one file of Recog.
pub const RECOG: usize = 8 << 20;
/// Octets of a key.
pub const KEY: usize = 1 << 10;
/// Blocks of a knowledge file.
pub const BLOCKS: usize = 1 << 20;
/// Blocks kept unpacked while reading.
pub const BLOCKS_KEPT: usize = 256;
/// Advisories kept ready to be matched.
pub const ADVISORIES_KEPT: usize = 8192;
/// Names of products that are known again.
pub const KINDS: usize = 1 << 20;
/// Answers to the same product kept, so that a thousand of one kind are compared once.
pub const PRODUCTS_KEPT: usize = 32_768;
/// Products of one advisory.
pub const ENTRIES: usize = 50_000;
/// Vulnerabilities of one advisory.
pub const VULNERABILITIES: usize = 5_000;
/// Branches within branches.
pub const BRANCHES: usize = 30;
/// Octets of a version or product that are read; more is prose.
pub const TEXT: usize = 512;
/// Names that one product name is read as: `R00/01/02CPU` is three.
pub const ALTERNATIVES: usize = 64;
/// Words of a product name.
pub const WORDS: usize = 40;
/// Octets of a text quoted from a source.
pub const QUOTED: usize = 2_000;
/// Refusals that one import lists; the others are counted.
pub const REFUSALS: usize = 200;
/// Advisories that name a product and not its vendor, as far as they are told of one device.
pub const UNOWNED: usize = 20;
/// Findings of one asset.
pub const FINDINGS: usize = 500;
