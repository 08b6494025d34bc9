import { Textarea } from '@mantine/core'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { useProblem } from './problems.ts'

type JsonProps = {
  label: string
  description?: ReactNode
  path: string
  value: unknown
  onChange: (value: unknown) => void
}

const written = (value: unknown) => (value === undefined ? '' : JSON.stringify(value, null, 2))

/** A JSON field. Invalid JSON is reported here and prevents the form from being submitted. */
export function JsonField({ label, description, path, value, onChange }: JsonProps) {
  const [text, setText] = useState(() => written(value))
  const [problem, setProblem] = useState('')
  const serverProblem = useProblem(path, true)
  const area = useRef<HTMLTextAreaElement>(null)
  const published = useRef(value)
  useEffect(() => {
    if (JSON.stringify(published.current) === JSON.stringify(value)) return
    published.current = value
    setText(written(value))
  }, [value])
  useEffect(() => area.current?.setCustomValidity(problem), [problem])

  function change(next: string) {
    setText(next)
    try {
      const read = next.trim() === '' ? undefined : JSON.parse(next)
      setProblem('')
      published.current = read
      onChange(read)
    } catch (error) {
      setProblem((error as Error).message)
    }
  }

  return (
    <Textarea
      ref={area}
      size="xs"
      label={label}
      description={description}
      error={problem || serverProblem}
      value={text}
      onChange={({ currentTarget }) => change(currentTarget.value)}
      autosize
      minRows={2}
      maxRows={16}
      spellCheck={false}
      classNames={{ input: 'code-input' }}
    />
  )
}
