/**
 * Writes an ONNX model, node by node.
 *
 * Owns: names of values, attributes, initializers, and their encoding as protobuf.
 * Does not own: what the network computes (transformer-layer.ts, graph.ts).
 */

import { isDeepStrictEqual } from "node:util";
import onnxProto from "onnx-proto";
import type { TensorType } from "./safetensors.ts";
import type { TensorLocation } from "./tensor-table.ts";

const { onnx } = onnxProto;

/** Name of a value that flows between nodes. */
export type Value = string;

/** Integers stay integers: a number is written as an integer attribute, a `float` as a float. */
export type Attribute = number | { readonly float: number };

/** Element types of a graph's inputs and outputs. */
export type ElementType = "float32" | "int32" | "bool";

/** Domain of ONNX Runtime's own operators. */
export const MICROSOFT_DOMAIN = "com.microsoft";

const OPSET_VERSION = 23;
const IR_VERSION = 11;

const { DataType } = onnx.TensorProto;
const ELEMENT_TYPES = {
  float32: DataType.FLOAT,
  int32: DataType.INT32,
  bool: DataType.BOOL,
} as const;
const WEIGHT_TYPES: Readonly<Record<TensorType, number>> = {
  F32: DataType.FLOAT,
  BF16: DataType.BFLOAT16,
  F16: DataType.FLOAT16,
  I8: DataType.INT8,
  U8: DataType.UINT8,
};

/**
 * Collects the nodes of one graph; every method returns the name of the value it made. Constants and
 * weights are added once per name.
 */
export class GraphBuilder {
  readonly #nodes: onnxProto.onnx.INodeProto[] = [];
  readonly #inputs: onnxProto.onnx.IValueInfoProto[] = [];
  readonly #outputs: onnxProto.onnx.IValueInfoProto[] = [];
  readonly #initializers = new Map<string, onnxProto.onnx.ITensorProto>();
  /** Names that outputs have in the graph, by value. */
  readonly #outputNames = new Map<Value, string>();

  /** Declares an input; a string in `shape` is a size known only at run time. */
  input(name: string, type: ElementType, shape: readonly (number | string)[]): Value {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  /**
   * Declares `value`, which a node made, as an output of the graph, called `name`; no copy is made.
   * A value is an output once.
   */
  output(name: string, value: Value, type: ElementType, shape: readonly (number | string)[]): void {
    this.#outputNames.set(value, name);
    this.#outputs.push(valueInfo(name, type, shape));
  }

  /** Adds an operator with one output; an empty input name leaves an optional input out. */
  node(
    opType: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = "",
  ): Value {
    const name = `${opType}_${this.#nodes.length}`;
    this.#nodes.push({
      opType,
      domain,
      name,
      input: [...inputs],
      output: [name],
      attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    });
    return name;
  }

  /** Adds an operator with two outputs. */
  pair(
    opType: string,
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): readonly [Value, Value] {
    const first = this.node(opType, inputs, attributes);
    const second = `${first}_second`;
    this.#nodes.at(-1)?.output?.push(second);
    return [first, second];
  }

  /** Adds a float32 constant, row-major. */
  floats(name: string, shape: readonly number[], data: Float32Array): Value {
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return this.#constant(name, DataType.FLOAT, shape, rawData);
  }

  /** Adds a constant list of int64, as shapes and axes are. */
  integers(name: string, values: readonly number[]): Value {
    const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    return this.#constant(name, DataType.INT64, [values.length], rawData);
  }

  /** Adds a constant of bytes, row-major. */
  bytes(name: string, type: "I8" | "U8", shape: readonly number[], data: Uint8Array): Value {
    return this.#constant(name, WEIGHT_TYPES[type], shape, data);
  }

  /** Adds a constant int64 without dimensions. */
  integer(name: string, value: number): Value {
    const rawData = new Uint8Array(BigInt64Array.of(BigInt(value)).buffer);
    return this.#constant(name, DataType.INT64, [], rawData);
  }

  /** Refers to a tensor of the checkpoint where it lies, in its own element type. */
  weight(name: string, tensor: TensorLocation): Value {
    return this.#initializer({
      name,
      dims: [...tensor.shape],
      dataType: WEIGHT_TYPES[tensor.type],
      dataLocation: onnx.TensorProto.DataLocation.EXTERNAL,
      externalData: [
        { key: "location", value: tensor.location },
        { key: "offset", value: String(tensor.byteOffset) },
        { key: "length", value: String(tensor.byteLength) },
      ],
    });
  }

  /** Widens a value to float32; the runtime folds this where the value is constant. */
  toFloat32(value: Value, type: TensorType): Value {
    return type === "F32" ? value : this.asFloat32(value);
  }

  /** Converts a value of any type to float32. */
  asFloat32(value: Value): Value {
    return this.node("Cast", [value], { to: DataType.FLOAT });
  }

  /** Converts integers to int64, as positions and axes are. */
  toInt64(value: Value): Value {
    return this.node("Cast", [value], { to: DataType.INT64 });
  }

  /** Encodes the graph. */
  encode(graphName: string): Uint8Array {
    return onnx.ModelProto.encode({
      irVersion: IR_VERSION,
      producerName: "unmask",
      opsetImport: [
        { domain: "", version: OPSET_VERSION },
        { domain: MICROSOFT_DOMAIN, version: 1 },
      ],
      graph: {
        name: graphName,
        node: this.#nodes.map((node) => this.#renameOutputs(node)),
        initializer: [...this.#initializers.values()],
        input: this.#inputs,
        output: this.#outputs,
      },
    }).finish();
  }

  #renameOutputs(node: onnxProto.onnx.INodeProto): onnxProto.onnx.INodeProto {
    const rename = (values: readonly Value[] | null | undefined) =>
      (values ?? []).map((value) => this.#outputNames.get(value) ?? value);
    return { ...node, input: rename(node.input), output: rename(node.output) };
  }

  #constant(name: string, dataType: number, shape: readonly number[], rawData: Uint8Array): Value {
    return this.#initializer({ name, dims: [...shape], dataType, rawData });
  }

  #initializer(tensor: onnxProto.onnx.ITensorProto & { name: string }): Value {
    const known = this.#initializers.get(tensor.name);
    if (known !== undefined && !isDeepStrictEqual(known, tensor)) {
      throw new Error(`Two constants of the graph are called ${tensor.name}.`);
    }
    this.#initializers.set(tensor.name, tensor);
    return tensor.name;
  }
}

function attribute(name: string, value: Attribute): onnxProto.onnx.IAttributeProto {
  const { AttributeType } = onnx.AttributeProto;
  return typeof value === "number"
    ? { name, type: AttributeType.INT, i: value }
    : { name, type: AttributeType.FLOAT, f: value.float };
}

function valueInfo(
  name: string,
  type: ElementType,
  shape: readonly (number | string)[],
): onnxProto.onnx.IValueInfoProto {
  const dim = shape.map((side) =>
    typeof side === "number" ? { dimValue: side } : { dimParam: side },
  );
  return { name, type: { tensorType: { elemType: ELEMENT_TYPES[type], shape: { dim } } } };
}
