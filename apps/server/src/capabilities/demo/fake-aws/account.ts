import { Type } from 'typebox'
import { ToolError } from '../../capability.ts'
import { addRow, Line, nextId, noInput, strict } from '../session-document.ts'
import { aws } from './aws.ts'

const listUsers = aws.reads({
  name: 'aws_list_iam_users',
  description: 'Lists the users of the account.',
  input: noInput,
  run: (_, { users }) => ({ users, total_count: users.length }),
})

const createUser = aws.changes({
  name: 'aws_create_iam_user',
  description: 'Creates a user. The name must be new.',
  input: Type.Object(
    { username: Line(), permissions: Type.Optional(Type.Array(Line(), { maxItems: 100 })) },
    strict,
  ),
  run: ({ username, permissions = [] }, { users }) => {
    if (users.some((user) => user.username === username)) {
      throw new ToolError(`User ${username} exists already`)
    }
    const user_id = nextId(users, 'user_id', 'AIDA0000000000000001')
    const created_at = new Date().toISOString()
    addRow(users, { username, user_id, permissions, created_at }, 'users')
    return { username, user_id, status: 'created' }
  },
})

const listSecurityGroups = aws.reads({
  name: 'aws_list_security_groups',
  description: 'Lists the security groups with their inbound rules.',
  input: noInput,
  run: (_, { security_groups }) => ({ security_groups, total_count: security_groups.length }),
})

export const accountTools = { reading: [listUsers, listSecurityGroups], changing: [createUser] }
