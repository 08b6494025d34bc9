import { createInterface } from 'node:readline'
import type { Io } from '../core/io.ts'
import { discardTyped } from './typed-ahead.ts'

export type Reader = ReturnType<typeof createReader>

type Handlers = {
  onEntry: (text: string) => void
  /** Ctrl-C where nothing was typed that it would take away. */
  onInterrupt: () => void
  /** Ctrl-D, or the terminal is gone. */
  onEnd: () => void
  /** Somebody types: nobody else may write. */
  onTyping: (isTyping: boolean) => void
}

/** What stdin can do besides when it is a terminal. */
type Raw = Io['stdin'] & { setRawMode?: (isRaw: boolean) => void }

type Question = { prompt: string; isSeen: boolean; answer: (text: string) => void }

const paste = { on: '\x1b[?2004h', off: '\x1b[?2004l' }
const more = '… '
const historyMax = 500

/**
 * Lines that somebody types, with a history. A line that ends in `\`, and lines that are pasted,
 * are one entry. Where no prompt is shown one appears with the first key.
 */
export function createReader(
  { stdin, output }: { stdin: Raw; output: Io['stdout'] },
  { onEntry, onInterrupt, onEnd, onTyping }: Handlers,
  history: string[] = [],
) {
  const prompt = '› '
  let wanted: string | undefined
  let isShown = false
  let isTyping = false
  let isPasting = false
  let isClosed = false
  let lines: string[] = []
  let question: Question | undefined
  /** The question that the line answers: the one that was on the screen when it was begun. */
  let answering: Question | undefined

  const rl = createInterface({
    input: stdin,
    output,
    terminal: true,
    prompt: '',
    history: history.slice(0, historyMax),
    historySize: historyMax,
    removeHistoryDuplicates: true,
    crlfDelay: Infinity,
  })
  output.write(paste.on)

  function display(text: string): void {
    if (question?.prompt === text) question.isSeen = true
    rl.setPrompt(text)
    rl.prompt()
    isShown = true
  }

  function beginTyping(): void {
    if (isTyping) return
    isTyping = true
    answering = question?.isSeen ? question : undefined
    onTyping(true)
    if (!isShown) display(answering?.prompt ?? prompt)
  }

  function endTyping(): void {
    isTyping = false
    isShown = false
    answering = undefined
    lines = []
    rl.setPrompt('')
    onTyping(false)
  }

  function onKey(_text: string | undefined, key: { name?: string; ctrl?: boolean } = {}): void {
    if (key.name === 'paste-start') isPasting = true
    if (key.name === 'paste-end') isPasting = false
    if (!key.ctrl || !['c', 'd', 'z'].includes(key.name ?? '')) beginTyping()
  }

  function onLine(line: string): void {
    // At the end of the input readline passes on a line without Enter.
    if (stdin.readableEnded) return
    const isContinued = line.endsWith('\\') && !answering
    if (isPasting || isContinued) {
      lines.push(isPasting ? line : line.slice(0, -1))
      display(more)
      return
    }
    const text = [...lines, line].join('\n')
    const asked = text.startsWith('/') ? undefined : answering
    endTyping()
    if (asked) {
      question = undefined
      asked.answer(text)
    } else onEntry(text)
    if (!isTyping && !isShown && wanted !== undefined && !isClosed) display(wanted)
  }

  function clear(): void {
    rl.write(null, { ctrl: true, name: 'e' })
    rl.write(null, { ctrl: true, name: 'u' })
    output.write('\r\x1b[J')
    endTyping()
    if (wanted !== undefined) display(wanted)
  }

  const self = {
    isAsking: () => question !== undefined,
    /** Asks for an entry, or once more what is asked already. */
    show(text = question?.prompt ?? prompt) {
      wanted = text
      if (!isTyping && !isClosed) display(text)
    },
    /** Takes the prompt away, so that something can be written. Who types goes on. */
    hide() {
      wanted = undefined
      if (!isShown || isTyping) return
      output.write('\r\x1b[J')
      rl.setPrompt('')
      isShown = false
    },
    /** Contract: rejects with the signal's reason. */
    ask(text: string, signal: AbortSignal, initial?: string): Promise<string> {
      return new Promise((resolve, reject) => {
        const stop = () => {
          const isAnswered = isTyping && answering === question
          question = undefined
          self.hide()
          if (isAnswered && !isClosed) clear()
          reject(signal.reason)
        }
        if (signal.aborted) return stop()
        signal.addEventListener('abort', stop, { once: true })
        const answer = (given: string) => {
          signal.removeEventListener('abort', stop)
          self.hide()
          resolve(given)
        }
        question = { prompt: text, isSeen: false, answer }
        self.show(text)
        if (initial !== undefined && !isTyping) {
          beginTyping()
          rl.write(initial)
        }
      })
    },
    /** Leaves the terminal to another program for a while. */
    aside<T>(work: () => T): T {
      rl.pause()
      stdin.setRawMode?.(false)
      output.write(paste.off)
      try {
        return work()
      } finally {
        output.write(paste.on)
        stdin.setRawMode?.(true)
        discardTyped(stdin)
        rl.resume()
      }
    },
    close() {
      if (isClosed) return
      isClosed = true
      if (isShown || isTyping) output.write('\r\x1b[J')
      output.write(paste.off)
      stdin.off('keypress', onKey)
      rl.close()
    },
  }

  stdin.prependListener('keypress', onKey)
  rl.on('line', onLine)
  rl.on('SIGINT', () => {
    if (isTyping && (rl.line !== '' || lines.length > 0)) clear()
    else onInterrupt()
  })
  rl.on('close', () => {
    if (!isClosed) onEnd()
  })
  return self
}
