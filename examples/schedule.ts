/** An agent that runs on a schedule. A trigger starts it now, without waiting for Monday. */
import { createOutlast } from '@outlast/sdk'

const outlast = createOutlast({ url: process.env.OUTLAST_URL, apiKey: process.env.OUTLAST_API_KEY })

const agent = await outlast.agents.create({ name: 'Ada', system_prompt: 'You write reports.' })
const session = await outlast.sessions.create({ agent_id: agent.id })

const schedule = await outlast.schedules.create({
  name: `Report of ${session.id}`,
  cron_expression: '0 9 * * MON',
  timezone: 'Europe/Kyiv',
  target: {
    type: 'workflow',
    name: 'send_message',
    input: { session_id: session.id, text: 'Write the weekly report.' },
  },
})
console.log(`next at ${schedule.next_trigger_at}`)

await outlast.schedules.trigger(schedule.id)
for await (const event of outlast.events.stream(session.id)) {
  if (event.type === 'input.message') console.log('the schedule says: Write the weekly report.')
  if (event.type === 'session.idled') break
}
const { output_preview } = await outlast.sessions.get(session.id)
console.log(output_preview)
await outlast.schedules.delete(schedule.id)
