import { type Static, Type } from 'typebox'
import { described, nullable } from './shape.ts'

export const ErrorDetail = Type.Object(
  {
    path: Type.String({
      description: 'Place in the request: property names and indexes, separated by `/`.',
      examples: ['capabilities/0/config'],
    }),
    message: Type.String({ description: 'The problem at that place, for people.' }),
    line: Type.Optional(
      Type.Integer({ description: 'Line in an uploaded file, from 1. Absent for other requests.' }),
    ),
    column: Type.Optional(
      Type.Integer({ description: 'Column in that line, from 1. Absent for other requests.' }),
    ),
  },
  { title: 'ErrorDetail', description: 'One problem of a request, and its place.' },
)
export type ErrorDetail = Static<typeof ErrorDetail>

export const Resume = Type.Object(
  {
    since_id: nullable(
      Type.String(),
      'Id of the last event before the loss that still exists, to resume from. Null: from the start.',
    ),
    sequence: Type.Integer({
      description: '`sequence` of that event; 0 for the start. Discard all later events.',
    }),
  },
  {
    title: 'Resume',
    description: 'Position to resume from after the server lost events in a failover or a restore.',
    examples: [{ since_id: 'event_01933b5a00007000800000000000e008', sequence: 11 }],
  },
)

export type Resume = Static<typeof Resume>

export const ErrorResponse = Type.Object(
  {
    error: Type.String({ description: 'The problem as a sentence for people. It may change.' }),
    code: Type.String({
      description: 'Stable code of the problem for programs, in snake_case.',
      examples: ['invalid_request'],
    }),
    title: Type.String({
      description: 'Name of the status, as in RFC 9457.',
      examples: ['Bad Request'],
    }),
    status: Type.Integer({ description: 'Status of the response.', examples: [400] }),
    detail: Type.String({ description: 'The same sentence as `error`.' }),
    instance: Type.Optional(
      Type.String({
        description:
          'Id of the request, as in its `x-request-id` header. Absent if the server could not read the request.',
      }),
    ),
    retry_after_seconds: Type.Optional(
      Type.Integer({
        description: 'Seconds of the `Retry-After` header. Only with the status 429 or 503.',
      }),
    ),
    details: Type.Optional(
      Type.Array(ErrorDetail, {
        description: 'Problems at certain places of the request, at most 10. Absent without any.',
      }),
    ),
    resume: Type.Optional(
      described(Resume, 'Position to resume from. Only with the code `history_changed`.'),
    ),
  },
  {
    title: 'ErrorResponse',
    description: 'Body of every response with a status of 400 or above.',
    examples: [
      {
        error: 'The request is not valid: name must not be empty',
        code: 'invalid_request',
        title: 'Bad Request',
        status: 400,
        detail: 'The request is not valid: name must not be empty',
        instance: 'req_5f0c9a1',
        details: [{ path: 'name', message: 'must not be empty' }],
      },
    ],
  },
)
export type ErrorResponse = Static<typeof ErrorResponse>
