import { type Static, Type } from 'typebox'
import { defineCapability, defineTool, demoCategory } from '../capability.ts'

const location = Type.String({ description: 'A city or a region.' })
const scales = ['celsius', 'fahrenheit'] as const
type Units = (typeof scales)[number]
const units = Type.Optional(Type.Enum([...scales], { type: 'string' }))

const config = Type.Object(
  {
    units: Type.Optional(
      Type.Enum([...scales], {
        type: 'string',
        default: 'celsius',
        title: 'Default units',
        description: 'Units for calls without them: celsius or fahrenheit; by default celsius.',
      }),
    ),
  },
  { additionalProperties: false },
)
type Config = Static<typeof config>

const nowInput = Type.Object({ location, units }, { additionalProperties: false })
const forecastInput = Type.Object(
  {
    location,
    days: Type.Optional(Type.Integer({ minimum: 1, maximum: 7, default: 3 })),
    units,
  },
  { additionalProperties: false },
)

const skies = ['sunny', 'partly cloudy', 'cloudy', 'rainy', 'windy']
const dayMs = 86_400_000

/** The seed of a place's weather: the same place always has the same weather. */
const weatherSeed = (place: string) => Buffer.from(place).reduce((sum, byte) => sum + byte, 0)

function degrees(celsius: number, units: Units): number {
  return units === 'celsius' ? celsius : Math.round(((celsius * 9) / 5) * 10 + 320) / 10
}

function weatherNow(location: string, units: Units, now: Date) {
  const seed = weatherSeed(location)
  return {
    conditions: skies[seed % 5]!,
    humidity: (seed % 50) + 30,
    location,
    temperature: degrees((seed % 35) + 5, units),
    timestamp: now.toISOString(),
    units,
    wind_speed_kmh: (seed % 30) + 5,
  }
}

function weatherOn(day: number, location: string, units: Units, now: Date) {
  const seed = weatherSeed(location) + 7 * day
  const high = (seed % 35) + 5
  return {
    conditions: skies[seed % 5]!,
    date: new Date(now.getTime() + day * dayMs).toISOString().slice(0, 10),
    high: degrees(high, units),
    low: degrees(high - 8 - (seed % 5), units),
    precipitation_chance: seed % 100,
  }
}

const toolsOf = ({ units: usual = 'celsius' }: Config) => [
  defineTool({
    name: 'get_weather',
    description: `Returns the current invented weather of a place, always the same for the same place; without units in ${usual}.`,
    replay: 'safe',
    input: nowInput,
    run: ({ location, units = usual }) => weatherNow(location, units, new Date()),
  }),
  defineTool({
    name: 'get_forecast',
    description: `Returns the invented weather of a place for one to seven days from today; without units in ${usual}.`,
    replay: 'safe',
    input: forecastInput,
    run: ({ location, days = 3, units = usual }) => {
      const now = new Date()
      const forecast = Array.from({ length: days }, (_, day) =>
        weatherOn(day, location, units, now),
      )
      return { days, forecast, location, units }
    },
  }),
]

export const testWeather = defineCapability({
  id: 'test_weather',
  name: 'Test Weather',
  description: 'Invented weather, always the same for the same place, for testing tool calls.',
  category: demoCategory,
  icon: 'cloud-sun',
  status: 'available',
  config,
  sessionRules: { units: 'session' },
  prompt: () =>
    'Use get_weather for the current weather of a place and get_forecast for the next days (up to 7).',
  tools: toolsOf,
})
