import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startServer } from '../../../test/server.ts'
import { sessionWith, useTools } from '../../../test/tool-session.ts'
import type { ToolContext } from '../capability.ts'
import { testWeather } from './test-weather.ts'

function run(name: string, input: Record<string, unknown>) {
  return testWeather
    .tools({})
    .find((tool) => tool.name === name)!
    .run(input, {} as ToolContext)
}

test('a place always has the same weather', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-03-03T15:12:05Z') })
  assert.deepEqual(run('get_weather', { location: 'Kyiv' }), {
    conditions: 'windy',
    humidity: 49,
    location: 'Kyiv',
    temperature: 39,
    timestamp: '2026-03-03T15:12:05.000Z',
    units: 'celsius',
    wind_speed_kmh: 34,
  })
})

test('counts bytes of a name instead of characters', () => {
  const { temperature } = run('get_weather', { location: 'é' }) as { temperature: number }
  assert.equal(temperature, ((0xc3 + 0xa9) % 35) + 5)
})

test('converts to fahrenheit', () => {
  const celsius = run('get_weather', { location: 'é' }) as { temperature: number }
  const fahrenheit = run('get_weather', { location: 'é', units: 'fahrenheit' }) as typeof celsius
  assert.equal(fahrenheit.temperature, Math.round(celsius.temperature * 18 + 320) / 10)
})

test('a forecast has three days from today by default', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-12-31T23:00:00Z') })
  const { days, forecast } = run('get_forecast', { location: 'A' }) as {
    days: number
    forecast: object[]
  }
  assert.equal(days, 3)
  assert.deepEqual(forecast, [
    { conditions: 'sunny', date: '2026-12-31', high: 35, low: 27, precipitation_chance: 65 },
    { conditions: 'cloudy', date: '2027-01-01', high: 7, low: -3, precipitation_chance: 72 },
    { conditions: 'windy', date: '2027-01-02', high: 14, low: 2, precipitation_chance: 79 },
  ])
  const week = run('get_forecast', { location: 'A', days: 7 }) as typeof forecast & {
    forecast: object[]
  }
  assert.equal(week.forecast.length, 7)
})

test('config sets the default units', async (t) => {
  const server = await startServer(t)
  const session = await sessionWith(server, 'test_weather', { units: 'fahrenheit' })
  const [now, celsius, days] = await useTools(
    t,
    server,
    session.id,
    ['get_weather', { location: 'Kyiv' }],
    ['get_weather', { location: 'Kyiv', units: 'celsius' }],
    ['get_forecast', { location: 'Kyiv', days: 1 }],
  )
  assert.deepEqual([now.units, now.temperature], ['fahrenheit', 102.2])
  assert.deepEqual([celsius.units, celsius.temperature], ['celsius', 39])
  assert.equal(days.units, 'fahrenheit')
})
