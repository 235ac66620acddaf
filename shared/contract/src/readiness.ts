/** With the readiness: the word by which whoever started a server knows it. */
export const instanceHeader = 'x-nora-instance'
