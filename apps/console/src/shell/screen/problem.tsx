import { Text } from '@mantine/core'
import { sentenceOf } from '../../errors.ts'

type ProblemProps = { error: unknown; toText?: (error: unknown) => string }

/** An inline error message, or nothing without an error. */
export const Problem = ({ error, toText = sentenceOf }: ProblemProps) =>
  error ? (
    <Text size="sm" c="var(--outlast-fail-text)" role="alert">
      {toText(error)}
    </Text>
  ) : null
