import { Anchor, Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { Suspense, useMemo } from 'react'
import { CodeBlock } from '../../markdown/code-block.tsx'
import { Markdown } from '../../markdown/markdown.tsx'
import { lazyPart } from '../../shell/screen/lazy-part.ts'
import { escaped } from '../../shell/text/escapes.ts'
import { CopyAction } from '../parts/action.tsx'
import { useKept } from '../parts/kept.tsx'
import { LongText } from '../parts/long-text.tsx'
import { usePlace } from '../parts/session-place.tsx'
import { contentBefore } from './changes.ts'
import { Json, ResultText } from './json.tsx'
import { cut } from './json-text.ts'
import { lastLines } from './last-lines.ts'
import type { ResultView } from './result-view.ts'
import type { LeftOut } from './truncated.ts'

const DiffFigure = lazyPart(() =>
  import('./diff-figure.tsx').then((all) => ({ default: all.DiffFigure })),
)

type View<Kind extends ResultView['kind']> = Extract<ResultView, { kind: Kind }>

type ResultFigureProps = {
  /** Unique in the session. */
  name: string
  callId: string
  view: ResultView
}

/** The result of a tool in the form of its data. */
export function ResultFigure({ name, callId, view }: ResultFigureProps) {
  return (
    <div className="result">
      <Shape name={name} callId={callId} view={view} />
      <Facts facts={view.facts} />
      {Object.keys(view.others).length > 0 && (
        <Json name={`others ${name}`} label="Other fields" value={view.others} />
      )}
    </div>
  )
}

function Shape({ name, callId, view }: ResultFigureProps) {
  switch (view.kind) {
    case 'terminal':
      return <Terminal name={name} view={view} />
    case 'file':
      return <FileText name={name} callId={callId} view={view} />
    case 'table':
      return <Table name={name} view={view} />
    case 'page':
      return <Page name={name} view={view} />
    case 'patch':
      return (
        <Suspense>
          <DiffFigure name={name} patch={view.text} />
        </Suspense>
      )
    case 'text':
      return (
        <>
          <ResultText name={name} label="Result" text={view.text} />
          <Rest name={name} leftOut={view.leftOut} />
        </>
      )
  }
}

const isFailedStatus = (name: string, value: unknown) =>
  name === 'status_code' && Number(value) >= 400

/** Short fields of a result that its figure does not show. */
const Facts = ({ facts }: Pick<ResultView, 'facts'>) =>
  facts.length > 0 && (
    <ul className="result-facts" aria-label="Other fields of the result">
      {facts.map(([name, value]) => (
        <li key={name} data-failed={isFailedStatus(name, value)}>
          {name}: {String(value)}
        </li>
      ))}
    </ul>
  )

/** Shortens a text until a person wants all of it. */
function useShort(name: string, text: string, what = 'characters') {
  const [isWhole, setWhole] = useKept(`result ${name}`, false)
  const short = cut(text)
  const more = short !== text && (
    <Button size="compact-xs" variant="default" mt={4} mr={4} onClick={() => setWhole(!isWhole)}>
      {isWhole ? 'Show less' : `Show all ${text.length.toLocaleString('en')} ${what}`}
    </Button>
  )
  return { shown: isWhole ? text : short, more }
}

function Terminal({ name, view }: { name: string; view: View<'terminal'> }) {
  const { exitCode, leftOut } = view
  const command = useShort(`${name} command`, view.command, 'characters of the command')
  const output = useShort(name, view.output)
  const errors = useShort(`${name} errors`, view.errors, 'characters of the errors')
  return (
    <div className="terminal">
      <div className="json-head">
        <span>{exitCode === 0 ? 'Terminal' : `Exit code ${exitCode}`}</span>
        <CopyAction label="Copy output" icon="copy" text={copyOf(view)} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach it */}
      <pre tabIndex={0}>
        <b>$ {escaped(command.shown)}</b>
        {'\n'}
        {escaped(output.shown)}
        {view.errors && <span className="terminal-errors">{escaped(errors.shown)}</span>}
      </pre>
      {command.more}
      {output.more}
      {errors.more}
      {leftOut && <Gap leftOut={leftOut} />}
      {leftOut?.end && <TerminalEnd name={`${name} end`} text={leftOut.end} />}
    </div>
  )
}

const copyOf = ({ output, errors, leftOut }: View<'terminal'>) =>
  leftOut
    ? `${output}${errors}\n[${leftOut.bytes} bytes are left out]\n${leftOut.end}`
    : `${output}${errors}`

function TerminalEnd({ name, text }: { name: string; text: string }) {
  const [isWhole, setWhole] = useKept(`result ${name}`, false)
  const short = lastLines(text)
  return (
    <>
      {short !== text && (
        <Button size="compact-xs" variant="default" mb={4} onClick={() => setWhole(!isWhole)}>
          {isWhole
            ? 'Show less'
            : `Show all ${text.length.toLocaleString('en')} characters of the end`}
        </Button>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach it */}
      <pre tabIndex={0}>{escaped(isWhole ? text : short)}</pre>
    </>
  )
}

/** The part of a truncated result that the server left out, and a link to the whole result. */
function Gap({ leftOut: { bytes, file } }: { leftOut: LeftOut }) {
  const { sessionId, isReadOnly } = usePlace()
  return (
    <p className="left-out">
      {bytes.toLocaleString('en')} bytes are left out.{' '}
      {file &&
        (isReadOnly ? (
          `The whole result is in ${file}.`
        ) : (
          <Link
            to="/sessions/$sessionId"
            params={{ sessionId }}
            search={(before) => ({ ...before, panel: 'files', file })}
          >
            Open the whole result
          </Link>
        ))}
    </p>
  )
}

/** The end of a text after its gap. */
const Rest = ({ name, leftOut }: { name: string; leftOut: LeftOut | undefined }) =>
  leftOut && (
    <>
      <Gap leftOut={leftOut} />
      {leftOut.end && (
        <ResultText name={`${name} end`} label="End of the result" text={leftOut.end} />
      )}
    </>
  )

/** The language of a file by its name. */
const languageOf = (path: string) => /\.(\w{1,8})$/.exec(path)?.[1]

/** Longer texts are shown plain, because formatting takes too long. */
const formattedLengthMax = 100_000

type FileTextProps = { name: string; callId: string; view: View<'file'> }

/** A file that was read or written. If it was replaced, its earlier content is compared. */
function FileText({ name, callId, view: { path, text, isWritten, leftOut } }: FileTextProps) {
  const { eventsNow } = usePlace()
  const [isWhole, setWhole] = useKept(`file ${name}`, false)
  const changes = useMemo(() => {
    const before = isWritten ? contentBefore(eventsNow(), { id: callId, path }) : undefined
    return before === undefined ? undefined : [{ before, after: text }]
  }, [eventsNow, isWritten, callId, path, text])
  return (
    <div className="file-text">
      <div className="json-head">
        <span>
          {isWritten ? 'Wrote' : 'Read'} <span className="mono">{escaped(path)}</span>
        </span>
        {changes && (
          <Button size="compact-xs" variant="subtle" onClick={() => setWhole(!isWhole)}>
            {isWhole ? 'Show changes' : 'Show whole file'}
          </Button>
        )}
        {(isWhole || !changes) && <CopyAction label="Copy content" icon="copy" text={text} />}
      </div>
      {changes && !isWhole ? (
        <Suspense>
          <DiffFigure name={name} changes={changes} />
        </Suspense>
      ) : text.length > formattedLengthMax ? (
        <div className="file-page mono">
          <LongText name={`file text ${name}`} text={escaped(text)} />
        </div>
      ) : (
        <FormattedFile name={name} path={path} text={text} />
      )}
      <Rest name={name} leftOut={leftOut} />
    </div>
  )
}

function FormattedFile({ name, path, text }: { name: string; path: string; text: string }) {
  const { shown, more } = useShort(name, text)
  return (
    <>
      {/\.(md|markdown)$/i.test(path) ? (
        <div className="file-page">
          <Markdown text={shown} />
        </div>
      ) : (
        <CodeBlock text={shown} language={languageOf(path)} />
      )}
      {more}
    </>
  )
}

const rowsMax = 20

function Table({ name, view: { columns, rows } }: { name: string; view: View<'table'> }) {
  const [isWhole, setWhole] = useKept(`rows ${name}`, false)
  const shown = isWhole ? rows : rows.slice(0, rowsMax)
  return (
    <div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach it */}
      <section className="result-table" tabIndex={0} aria-label="Result">
        <table>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: rows of a result do not move
              <tr key={at}>
                {row.map((cell, to) => (
                  <td key={columns[to]} data-number={typeof cell === 'number'}>
                    {cell === null ? '' : cut(String(cell))}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {rows.length > rowsMax && (
        <Button size="compact-xs" variant="default" mt={4} onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show less' : `Show all ${rows.length.toLocaleString('en')} rows`}
        </Button>
      )}
    </div>
  )
}

function Page({ name, view: { url, title, text, leftOut } }: { name: string; view: View<'page'> }) {
  const { shown, more } = useShort(name, text)
  return (
    <div className="file-text">
      <div className="json-head">
        <Anchor href={url} target="_blank" rel="noreferrer" size="sm">
          {escaped(title)}
        </Anchor>
        <CopyAction label="Copy text" icon="copy" text={text} />
      </div>
      <div className="file-page">
        {text.length > formattedLengthMax ? (
          <LongText name={`page ${name}`} text={text} />
        ) : (
          <Markdown text={shown} />
        )}
      </div>
      {text.length <= formattedLengthMax && more}
      <Rest name={name} leftOut={leftOut} />
    </div>
  )
}
