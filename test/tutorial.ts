/** Runs the commands of a page as printed, and compares their output with the page. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'

/** A command of a page, the answer that the reader types, and the lines that it prints. */
export type Step = { command: string; typed: string | undefined; printed: string[] }

export type Stage = {
  /** Starts the server, or starts it again after a kill, with these variables. */
  start: (env: Record<string, string>) => Promise<void>
  kill: () => Promise<void>
  /** Runs a command to its end. Returns all that it printed. */
  run: (command: string, input: string) => Promise<string>
}

const prompt = '$ '
const question = /^(.*\? \[y\/N\]) (\w)$/
const ids = /\b(session|turn|agent|schedule)_[0-9a-f]{32}\b/g

/** The steps of all `console` blocks of a page, in order. */
export function stepsOf(file: string): Step[] {
  const blocks = readFileSync(file, 'utf8').matchAll(/^```console\n([\s\S]*?)^```/gm)
  const steps: Step[] = []
  for (const line of [...blocks].flatMap(([, block]) => block!.trimEnd().split('\n'))) {
    if (line.startsWith(prompt)) {
      steps.push({ command: line.slice(prompt.length), typed: undefined, printed: [] })
      continue
    }
    const step = steps.at(-1)!
    const [, asked, typed] = question.exec(line) ?? []
    if (typed !== undefined) step.typed = typed
    step.printed.push(asked ?? line)
  }
  return steps
}

/** Times, zones and durations differ from run to run. */
const comparable = (text: string) =>
  text
    .replace(ids, '$1')
    .replace(/\d{4}-\d\d-\d\d(T[\d:]+(\.\d+)?(Z|[+-]\d\d:\d\d))?/g, 'date')
    .replace(/\b\d\d:\d\d on \w+day/g, 'time')
    .replace(/\b\d+(\.\d+)? m?s\b/g, 'duration')
    .replace(/[+-]\d\d:\d\d/g, 'zone')

/** Contract: rejects with the command and both texts when a command prints something else. */
export async function playPage(file: string, stage: Stage): Promise<number> {
  const steps = stepsOf(file)
  let id: string | undefined
  for (const { command, typed, printed } of steps) {
    const [, variables = '', program] = /^((?:\w+=\S+ )*)(.*)$/.exec(command)!
    if (program === 'npm start') {
      await stage.start(
        Object.fromEntries(
          variables
            .split(' ')
            .filter(Boolean)
            .map((one) => one.split('=')),
        ),
      )
    } else if (program!.startsWith('kill ')) {
      await stage.kill()
    } else {
      const own = id === undefined ? command : command.replace(/session_[0-9a-f]{32}/, id)
      const output = await stage.run(own, typed === undefined ? '' : `${typed}\n`)
      id = /session_[0-9a-f]{32}/.exec(output)?.[0] ?? id
      const shown = output.replaceAll('? [y/N] ', '? [y/N]\n')
      const wanted = printed.join('\n')
      if (wanted) assert.equal(comparable(shown).trim(), comparable(wanted).trim(), command)
    }
  }
  return steps.length
}
