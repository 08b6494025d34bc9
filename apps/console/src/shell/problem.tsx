import { Text } from '@mantine/core'
import { sentenceOf } from '../errors.ts'

type ProblemProps = { error: unknown; say?: (error: unknown) => string }

/** Why something failed, in its place; nothing where it did not. */
export const Problem = ({ error, say = sentenceOf }: ProblemProps) =>
  error ? (
    <Text size="sm" c="red" role="alert">
      {say(error)}
    </Text>
  ) : null
