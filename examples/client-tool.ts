/** The agent calls a tool that runs in this program. */
import { clientTool, createOutlast } from '@outlast/sdk'

const outlast = createOutlast({ url: process.env.OUTLAST_URL, apiKey: process.env.OUTLAST_API_KEY })

const getWeather = clientTool({
  name: 'get_weather',
  description: 'The weather of a place.',
  parameters: {
    type: 'object',
    properties: { location: { type: 'string' } },
    required: ['location'],
  },
  // `location` has the type from `parameters`. The model receives a thrown error.
  run: ({ location }) => ({ location, conditions: 'sunny', temperature: 21 }),
})

const agent = await outlast.agents.create({
  name: 'Forecaster',
  system_prompt: 'You know the weather.',
  tools: [getWeather.definition],
})
const session = outlast.session(await outlast.sessions.create({ agent_id: agent.id }))

const answer = await session.send('What is the weather in Kyiv?', { tools: [getWeather] })
console.log(answer.text)
