/** Settings of the server side. The API key never reaches a page. */
export const url = process.env.OUTLAST_URL ?? 'http://localhost:9000'
export const apiKey = process.env.OUTLAST_API_KEY ?? ''
export const agentId = process.env.OUTLAST_AGENT_ID ?? ''

/** Replace this by the sign-in of your product. */
export const signedInUser = async () => 'ada'
