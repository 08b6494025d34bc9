/** Begins the secret of a key of an agent channel. */
export const agentKeyStart = 'evr_ak_'
