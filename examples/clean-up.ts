/** Reads a list to its end, page by page, and deletes each item. */
import { createOutlast } from '@outlast/sdk'

const outlast = createOutlast({ url: process.env.OUTLAST_URL, apiKey: process.env.OUTLAST_API_KEY })

const agent = await outlast.agents.create({ name: 'Ada', system_prompt: 'You are helpful.' })
for (let made = 0; made < 7; made += 1) {
  await outlast.sessions.create({ agent_id: agent.id, tags: ['trial'], title: `Trial ${made + 1}` })
}

// Awaited, a list returns its first page.
const { total } = await outlast.sessions.list({ agent_id: agent.id, limit: 1 })
console.log(`${total} sessions`)

// Iterated, it yields all items; `limit` is the size of a page.
for await (const { id, title } of outlast.sessions.list({ agent_id: agent.id, limit: 3 })) {
  await outlast.sessions.delete(id)
  console.log(`deleted ${title}`)
}
await outlast.agents.delete(agent.id)
