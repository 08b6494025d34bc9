/** Continues a copy of a conversation. The original is unchanged. */
import { createOutlast } from '@outlast/sdk'

const outlast = createOutlast({ url: process.env.OUTLAST_URL, apiKey: process.env.OUTLAST_API_KEY })

const agent = await outlast.agents.create({
  name: 'Clerk',
  system_prompt: 'You calculate.',
  capabilities: [{ ref: 'test_math' }],
})
const original = outlast.session(await outlast.sessions.create({ agent_id: agent.id }))
await original.send('What is 2 + 3?')

const fork = outlast.session(await outlast.sessions.fork(original.id, { title: 'Another way' }))
console.log((await original.send('What is 4 + 5?')).text)
console.log((await fork.send('What is 6 + 7?')).text)

for (const { id } of [original, fork]) {
  const { total } = await outlast.messages.list(id)
  console.log(`${total} messages`)
}
