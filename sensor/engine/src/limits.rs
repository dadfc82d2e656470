//! Nothing grows without a line here. Each limit is a share of one of the [`SHARDS`], unless it says otherwise,
//! so that the same capture meets the same limits however many threads serve it.

use fossick_model::Time;

/// Logical shards that flows hash into, however many threads serve them: a power of two.
pub const SHARDS: usize = 64;
/// Flows held (both generations together); the longest idle give way.
pub const FLOWS: usize = 2048;
/// Hosts whose first and last frame are being kept before the ledger is told.
pub const HOSTS: usize = 2048;
/// Statements remembered as said before: a power of two.
pub const SAID: usize = 16_384;
/// Values that are held once for all hosts that say them: a power of two.
pub const COMMON_VALUES: usize = 4096;
/// Holders of addresses, remembered with when they were told of last.
pub const HOLDERS: usize = 4096;
/// A flow that is idle for so long (packet time, nanoseconds) is over.
pub const FLOW_IDLE: i64 = 300 * 1_000_000_000;
/// Octets of one message that may be waited for, per direction.
pub const MESSAGE: usize = 65_536;
/// Octets waiting in the streams of one shard.
pub const STREAM_OCTETS: usize = 4 * 1_048_576;
/// Segments that arrived early, held per direction.
pub const EARLY_SEGMENTS: usize = 16;
/// Octets of an unrecognised stream kept for another look, per direction.
pub const UNKNOWN_OCTETS: usize = 8192;
/// Segments or datagrams with data in which recognition is tried, per direction.
pub const RECOGNITION_TRIES: u8 = 12;
/// Octets of a message kept to be shown to the reader of its reply.
pub const ASKED: usize = 384;
/// IP packets being put together from fragments.
pub const FRAGMENTED: usize = 64;
/// Fragments of one packet.
pub const FRAGMENTS: usize = 64;
/// Unit of the time that is kept of a packet (nanoseconds).
pub const MOMENT: i64 = 100_000;
/// Two equal packets within so long (20 ms) are one packet seen twice.
pub const DUPLICATE_MOMENTS: u64 = 200;
/// Who holds an address is told to the ledger at most this often (nanoseconds).
pub const HOLDER_AGAIN: i64 = 1_000_000_000;
/// Codes of link protocols that nobody here reads, counted one by one.
pub const CARRIERS: usize = 512;
/// Messages of one length that said nothing new, after which those of this length in the flow are only sampled.
pub const QUIET_AFTER: u8 = 32;
/// What comes on a link more often than this (nanoseconds) is cyclic, and sampled like a quiet flow once it says nothing new.
pub const CYCLE: i64 = 100_000_000;
/// Cyclic senders told apart.
pub const CYCLES: usize = 64;
/// Of a quiet flow, one message in so many is dissected.
pub const SAMPLE_ONE_IN: u32 = 16;

/// Conversations that are being kept before the ledger is told.
pub const UNTOLD: usize = 256;
/// Segments or datagrams with data that one end sends in no known protocol, and unanswered, that make a conversation.
pub const ONE_WAY: u8 = 3;
/// Operations remembered of one conversation.
pub const OPERATIONS: usize = 64;

/// Addresses the ledger holds (all shards together). The youngest is refused: an inventory is not a cache.
pub const NODES: usize = 262_144;
/// Hosts that are not (yet) ours: on the Internet, or heard only in passing. The first to come give way.
pub const PASSING: usize = 65_536;
/// Conversations the ledger holds (both generations together); those that were quiet longest give way.
pub const CONVERSATIONS: usize = 131_072;
/// Services that one host is seen to use on another on ports that are not those of their protocol, or in no known one: more
/// are counted, not kept.
pub const UNNAMED: usize = 64;
/// Operations told apart, of all protocols.
pub const WORDS: usize = 8192;
/// Spans of hours in which anything was heard; the first give way.
pub const SPANS: usize = 1024;
/// Octets of the batches kept for a while, from which packets are taken that prove something.
pub const RECENT_OCTETS: usize = 8 * 1_048_576;
/// Octets kept of a packet that proves something.
pub const KEPT_OCTETS: usize = 2048;
/// Packets that wait to be stored.
pub const KEPT_PACKETS: usize = 16_384;
/// Nodes looked at in one round of what changed.
pub const ROUND: usize = 2048;
/// Distinct values kept of one key of one address; the contract's number.
pub const VALUES_PER_KEY: usize = 8;
/// Octets kept of one value.
pub const VALUE_OCTETS: usize = 1024;
/// Holders that one IP address may have had.
pub const TENANCIES: usize = 16;
/// Peers counted per address.
pub const PEERS: usize = 1024;
/// Ports listed per address.
pub const SERVICES: usize = 256;
/// Devices behind one address.
pub const CHILDREN: usize = 1024;
/// Hardware addresses remembered per IP address.
pub const MACS_PER_IP: usize = 8;

/// Whether `later` is more than `span` nanoseconds after `earlier`.
pub(crate) fn passed(earlier: Time, later: Time, span: i64) -> bool {
    later.0.saturating_sub(earlier.0) > span
}
