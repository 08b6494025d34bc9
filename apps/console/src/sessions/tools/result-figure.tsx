import { Anchor, Button } from '@mantine/core'
import { CodeBlock } from '../../markdown/code-block.tsx'
import { Markdown } from '../../markdown/markdown.tsx'
import { CopyAction } from '../conversation/action.tsx'
import { useKept } from '../conversation/kept.tsx'
import { cut } from './json-text.ts'
import type { ResultView } from './result-view.ts'

type View<Kind extends ResultView['kind']> = Extract<ResultView, { kind: Kind }>

/** The result of a tool in the form of its data. `name` is unique in the session. */
export function ResultFigure({ name, view }: { name: string; view: ResultView }) {
  switch (view.kind) {
    case 'terminal':
      return <Terminal name={name} view={view} />
    case 'file':
      return <FileText name={name} view={view} />
    case 'table':
      return <Table name={name} view={view} />
    case 'page':
      return <Page name={name} view={view} />
  }
}

/** Shortens a text until a person wants all of it. */
function useShort(name: string, text: string) {
  const [isWhole, setWhole] = useKept(`result ${name}`, false)
  const short = cut(text)
  const more = short !== text && (
    <Button size="compact-xs" variant="default" mt={4} onClick={() => setWhole(!isWhole)}>
      {isWhole ? 'Show less' : `Show all ${text.length.toLocaleString('en')} characters`}
    </Button>
  )
  return { shown: isWhole ? text : short, more }
}

function Terminal({ name, view }: { name: string; view: View<'terminal'> }) {
  const { command, output, errors, exitCode } = view
  const { shown, more } = useShort(name, output)
  return (
    <div className="terminal">
      <div className="json-head">
        <span>{exitCode === 0 ? 'Terminal' : `Exit code ${exitCode}`}</span>
        <CopyAction label="Copy output" icon="copy" text={`${output}${errors}`} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach it */}
      <pre tabIndex={0}>
        <b>$ {command}</b>
        {'\n'}
        {shown}
        {errors && <span className="terminal-errors">{errors.slice(0, errorsMax)}</span>}
      </pre>
      {more}
    </div>
  )
}

const errorsMax = 20_000

/** The language of a file by its name. */
const languageOf = (path: string) => /\.(\w{1,8})$/.exec(path)?.[1]

function FileText({ name, view: { path, text, isWritten } }: { name: string; view: View<'file'> }) {
  const { shown, more } = useShort(name, text)
  const isMarkdown = /\.(md|markdown)$/i.test(path)
  return (
    <div className="file-text">
      <div className="json-head">
        <span>
          {isWritten ? 'Wrote' : 'Read'} <span className="mono">{path}</span>
        </span>
        <CopyAction label="Copy content" icon="copy" text={text} />
      </div>
      {isMarkdown ? (
        <div className="file-page">
          <Markdown text={shown} />
        </div>
      ) : (
        <CodeBlock text={shown} language={languageOf(path)} />
      )}
      {more}
    </div>
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

function Page({ name, view: { url, title, text } }: { name: string; view: View<'page'> }) {
  const { shown, more } = useShort(name, text)
  return (
    <div className="file-text">
      <div className="json-head">
        <Anchor href={url} target="_blank" rel="noreferrer" size="sm">
          {title}
        </Anchor>
        <CopyAction label="Copy text" icon="copy" text={text} />
      </div>
      <div className="file-page">
        <Markdown text={shown} />
      </div>
      {more}
    </div>
  )
}
