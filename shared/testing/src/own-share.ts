/** So many test files at once have ports and address pools that cannot be the same: each worker of the tests chooses from its own. */
export const shares = 8

/** Which share this worker of the tests has, from 0 on. */
export const ownShare = (): number => Number(process.env['VITEST_POOL_ID'] ?? 0) % shares
