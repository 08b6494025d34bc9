import { defineCommand, type Noun } from '../../core/command.ts'
import { exitCodes, UsageError } from '../../core/failure.ts'
import { columnsOf, type Io } from '../../core/io.ts'
import { examine, isUnreachable } from '../../doctor/examine.ts'
import type { Finding } from '../../doctor/finding.ts'
import { linesOf, summaryOf } from '../../doctor/report.ts'
import { visitOf } from '../../doctor/visit.ts'
import { cut, oneLine, wrap } from '../../output/width.ts'

const secondsMax = 3_600

export const doctor: Noun = {
  '': defineCommand({
    summary: 'check the connection and the server, and suggest fixes',
    flags: {
      session: { type: 'string', value: 'ID', about: 'session for the stream check' },
      'streams-for': {
        type: 'string',
        value: 'SECONDS',
        about: 'time that the stream must stay open (until its first heartbeat)',
      },
    },
    async run({ profile, out, io, signal }, { flags }) {
      const seconds = secondsOf(flags['streams-for'])
      const waiting = waitingLine(io)
      const visit = visitOf(profile, { io, signal, waiting: waiting.show })
      const findings: Finding[] = []
      try {
        for await (const finding of examine(visit, { sessionId: flags.session, seconds })) {
          waiting.clear()
          findings.push(finding)
          if (out.mode !== 'text') continue
          for (const line of linesOf(finding, io.stdout, out.colors.out)) await out.painted(line)
        }
      } finally {
        waiting.clear()
      }
      if (out.mode === 'text')
        await out.line(wrap(summaryOf(findings), columnsOf(io.stdout)).join('\n'))
      const isWrong = findings.some(({ verdict }) => verdict === 'wrong')
      if (out.mode === 'json') await out.json({ url: visit.url.href, ok: !isWrong, findings })
      if (out.mode === 'quiet') {
        for (const { check, verdict } of findings) if (verdict !== 'ok') await out.line(check)
      }
      if (isUnreachable(findings)) return exitCodes.unreachable
      return isWrong ? exitCodes.failed : exitCodes.ok
    },
  }),
}

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = Number(text)
  if (/^\d+$/.test(text) && seconds >= 1 && seconds <= secondsMax) return seconds
  throw new UsageError(`--streams-for must be a number of seconds from 1 to ${secondsMax}.`)
}

/** Shows the running check on a terminal. */
function waitingLine({ stderr }: Io) {
  let isShown = false
  const clear = () => {
    if (isShown) stderr.write('\r\x1b[K')
    isShown = false
  }
  const show = (check: string) => {
    clear()
    if (!stderr.isTTY) return
    stderr.write(cut(oneLine(`Checking whether ${check} …`), (stderr.columns ?? 80) - 1))
    isShown = true
  }
  return { show, clear }
}
