/**
 * Keys of a file of types, `types/<package>/v1.yml` beside the dataflow. The format is that of dora 1.x; `description`
 * of fields and parameters, and `values` and `kind` of parameters are ours. Read by types/type-files.ts; not part of
 * schema.json, since it is a file of its own.
 */

import { z } from 'zod';
import { arrowPrimitives } from '../types/definition.js';
import { asWritten, key, required, text } from './words.js';

const parameter = z.strictObject({
  name: required(text(), 'Name of the parameter.'),
  default: key(asWritten(), 'What is meant when the parameter is not given.'),
  description: key(text(), 'For people.'),
  values: key(z.array(asWritten()), 'What it may be. Default: any word.'),
  kind: key(z.enum(['word', 'integer']), 'Whether it is a word (the default) or a whole number above 0.'),
});

const field = z.strictObject({
  name: required(asWritten(), 'Name of the field.'),
  type: required(text(), 'An Arrow type, List<…> of one, or the name of a type.'),
  nullable: key(z.boolean(), 'Whether the value may be missing. Default: it is not said.'),
  description: key(text(), 'For people.'),
});

const metadata = z.strictObject({
  key: required(text(), 'Key of the metadata.'),
  description: key(text(), 'For people.'),
});

export const typeFile = z.strictObject({
  types: required(
    z.record(
      z.string(),
      z.strictObject({
        arrow: required(z.enum([...arrowPrimitives, 'Struct']), 'Layout of a value.'),
        description: key(text(), 'For people.'),
        params: key(z.array(parameter), 'Parameters that tell variants of the type apart.'),
        fields: key(z.array(field), 'Fields of a Struct.'),
        metadata: key(z.array(metadata), 'Metadata that every message of the type carries.'),
      }),
    ),
    'Types by name.',
  ),
});
