import { Type } from 'typebox'
import { defineCapability, defineTool, ToolError } from './capability.ts'

const input = Type.Object({ a: Type.Number(), b: Type.Number() }, { additionalProperties: false })

function calculator(
  operation: string,
  description: string,
  calculate: (a: number, b: number) => number,
) {
  return defineTool({
    name: operation,
    description,
    replay: 'safe',
    input,
    run: ({ a, b }) => ({ a, b, operation, result: finite(calculate(a, b)) }),
  })
}

function finite(result: number): number {
  if (Number.isFinite(result)) return result
  throw new ToolError('The result is too large')
}

function divide(a: number, b: number): number {
  if (b === 0) throw new ToolError('Cannot divide by zero')
  return a / b
}

const tools = [
  calculator('add', 'Adds two numbers: a + b.', (a, b) => a + b),
  calculator('subtract', 'Subtracts the second number from the first: a - b.', (a, b) => a - b),
  calculator('multiply', 'Multiplies two numbers: a × b.', (a, b) => a * b),
  calculator('divide', 'Divides the first number by the second: a ÷ b.', divide),
]

export const testMath = defineCapability({
  id: 'test_math',
  name: 'Test Math',
  description: 'A calculator with the four basic operations. For trying out tool calls.',
  category: 'Testing',
  icon: 'calculator',
  status: 'available',
  prompt: () => 'Use the tools add, subtract, multiply and divide for every calculation.',
  tools: () => tools,
})
