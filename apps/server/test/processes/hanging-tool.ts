/**
 * A tool that appends a line to `runs.log`, and whose first run does not end. `replay` is its
 * replay policy.
 */
export const hangingTool = (replay: string) => `
  import { appendFileSync, readFileSync } from 'node:fs'
  import { defineTool, Type } from 'outlast'

  export default defineTool({
    description: 'Charges a card.',
    replay: '${replay}',
    input: Type.Object({ amount: Type.Number() }),
    async run({ amount }, { idempotencyKey }) {
      appendFileSync('runs.log', idempotencyKey + '\\n')
      const runs = readFileSync('runs.log', 'utf8').trim().split('\\n').length
      if (runs === 1) await new Promise(() => {})
      return { charged: amount }
    },
  })
`
