import { type Static, Type } from 'typebox'
import { defineCapability, defineTool, demoCategory, ToolError } from '../capability.ts'

const input = Type.Object({ a: Type.Number(), b: Type.Number() }, { additionalProperties: false })

const config = Type.Object(
  {
    precision: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 15,
        title: 'Decimal places',
        description: 'Decimal places of results, 0 to 15; by default results are not rounded.',
      }),
    ),
  },
  { additionalProperties: false },
)
type Config = Static<typeof config>

type Operation = {
  name: string
  description: string
  calculate: (a: number, b: number) => number
}

const operations: Operation[] = [
  { name: 'add', description: 'Adds two numbers: a + b.', calculate: (a, b) => a + b },
  {
    name: 'subtract',
    description: 'Subtracts the second number from the first: a - b.',
    calculate: (a, b) => a - b,
  },
  { name: 'multiply', description: 'Multiplies two numbers: a × b.', calculate: (a, b) => a * b },
  {
    name: 'divide',
    description: 'Divides the first number by the second: a ÷ b.',
    calculate: divide,
  },
]

function divide(a: number, b: number): number {
  if (b === 0) throw new ToolError('Cannot divide by zero')
  return a / b
}

function finite(result: number): number {
  if (Number.isFinite(result)) return result
  throw new ToolError('The result is too large')
}

const rounded = (result: number, { precision }: Config) =>
  precision === undefined ? result : Number(result.toFixed(precision))

export const testMath = defineCapability({
  id: 'test_math',
  name: 'Test Math',
  description: 'A calculator with the four basic operations, for testing tool calls.',
  category: demoCategory,
  icon: 'calculator',
  status: 'available',
  config,
  sessionRules: { precision: 'session' },
  prompt: () => 'Use the tools add, subtract, multiply and divide for every calculation.',
  tools: (config) =>
    operations.map(({ name: operation, description, calculate }) =>
      defineTool({
        name: operation,
        description,
        replay: 'safe',
        input,
        run: ({ a, b }) => ({
          a,
          b,
          operation,
          result: rounded(finite(calculate(a, b)), config),
        }),
      }),
    ),
})
