import { agentId, apiKey, signedInUser, url } from '../outlast'
import { Chat } from './chat'

/** The messages of the log come with the page. */
export default async function Page() {
  const id = 'my-chat'
  const user = encodeURIComponent(await signedInUser())
  const path = `/v1/ai-sdk/agents/${agentId}/chat/${id}/messages?user=${user}`
  const headers = { authorization: `Bearer ${apiKey}` }
  const { messages } = await (await fetch(url + path, { headers, cache: 'no-store' })).json()
  return <Chat key={user} url={url} agentId={agentId} id={id} messages={messages} />
}
