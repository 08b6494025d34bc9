/** Shows the answer while it is written. */
import { createOutlast, textOf } from '@outlast/sdk'

const outlast = createOutlast({ url: process.env.OUTLAST_URL, apiKey: process.env.OUTLAST_API_KEY })

const agent = await outlast.agents.create({ name: 'Ada', system_prompt: 'You are helpful.' })
const session = outlast.session(await outlast.sessions.create({ agent_id: agent.id }))

const turn = session.send('Tell me something.')
let shown = ''
for await (const event of turn) {
  if (event.type === 'output.message.started') {
    // Once more: the reply broke and is asked for again, so what was shown of it is void.
    if (shown !== '') console.log('\n[again]')
    shown = ''
  }
  if (event.type === 'output.message.delta') {
    process.stdout.write(event.data.delta)
    shown += event.data.delta
  }
  if (event.type === 'output.message.completed') {
    // Deltas are not stored: of a reply that is quicker than the connection, none may come.
    console.log(textOf(event.data.message).slice(shown.length))
    shown = ''
  }
}

const { usage } = await turn
console.log(`${usage?.output_tokens} tokens`)
