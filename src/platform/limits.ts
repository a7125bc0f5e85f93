/** Every bound that protects memory, time or the disk, in one place. Sizes in bytes. */
export const KiB = 1024
export const MiB = 1024 * KiB
export const GiB = 1024 * MiB

/** Consumers of the change feed at a time. */
export const FEED_CONSUMERS_MAX = 256

export const NAME_MAX = 255
/** Longest target of a symbolic link. */
export const SYMLINK_MAX = 4095
export const LINK_MAX = 65_000
/** Sizes and offsets stay exact in a number. */
export const FILE_SIZE_MAX = Number.MAX_SAFE_INTEGER

/** Largest piece of a file that is stored as one block, and the alignment blocks never cross. */
export const BLOCK_MAX = 1024 * KiB
/** Extents start and end on multiples of this, except at the end of a file. */
export const GRANULE = 4 * KiB

/** A frame is closed when it holds this much. */
export const FRAME_RECORDS_MAX = 1000
export const FRAME_BYTES_MAX = 512 * KiB
/** What a decoder accepts as one frame: the largest record may come on top of a full frame. */
export const FRAME_DECODE_MAX = 16 * MiB
/** Extents named by one record: bounds the record and the work of folding it. */
export const EXTENTS_PER_RECORD = 512
/** Replies of one connection that wait for the journal. */
export const CALLS_HELD_MAX = 1024
/** Pages of directories that were listed, kept to be sent again. */
export const LISTINGS_CACHED = 16 * MiB
/**
 * Records that may wait for the projections' store: bounds memory, and how long a start after a
 * crash takes.
 */
export const LAG_RECORDS_MAX = 100_000
