// Every index of a model, one past the last and at the last.
#include <gtest/gtest.h>

#include <functional>

#include "artifact/model.h"

namespace tenon::artifact {
namespace {

const std::vector<std::byte> kBytes(300, std::byte{7});

/// Two inputs, one output, five registers, four slots, and a step of most kinds.
Model sample() {
  Model m;
  m.symbols = {"batch"};
  m.inputs = {{"x", DType::f32, {{"batch", 0, -1}, {"4", kNone, 4}}, 4},
              {"k", DType::f32, {{"75", kNone, 75}}, kNone, 1}};
  m.states = {{"s", DType::f32, {{"batch", 0}, {"75", 4}}, 16, 1, {1, 75}},
              {"t", DType::i64, {}, 0, kNone, {}}};
  m.outputs = {{"y", DType::f32, {{"batch", 0}, {"4", 4}}, 3}};
  m.kernels = {{"relu", "relu", "batch x 4", "key", 4, 4}};
  m.entries = {{"k0", 0}, {"k1", 99}};
  m.registers = {0, 4, 0, 1, 0};
  m.size_ops = {{SizeOpCode::input_extent, DType::i64, 0, 4, 0, 1, 0},
                {SizeOpCode::mul, DType::i64, 0, 2, 4, 4, 0}};
  m.stages = {{0, 2, 0, 1, 0}, {2, 0, 1, 1, 1}};
  m.blocks = {2, 4};
  m.slots = {{SlotKind::input, 1, kNone},
             {SlotKind::arena, 1, 4},
             {SlotKind::constant, 2, kNone},
             {SlotKind::dynamic, 0, kNone},
             {SlotKind::bound, 9, kNone}};
  m.dynamics = {3};
  m.calls = {{0, 2, 0, 1, 0}, {2, 0, 1, 0, kNone}};
  m.buffer_list = {0, 4};
  m.register_list = {4};
  m.steps = {{StepKind::stage, 1}, {StepKind::launch, 1, 1, 4, 4, 0}};
  m.messages = {"broken"};
  m.code = std::span(kBytes).first(100);
  m.constants = {{kBytes.data(), 5}, {kBytes.data(), 300}, {kBytes.data(), 0}};
  return m;
}

/// What validate says after `change`, without the words that all share; "" when it accepts.
std::string said(const std::function<void(Model&)>& change) {
  Model m = sample();
  change(m);
  const Status status = validate(m);
  if (status) return "";
  EXPECT_EQ(status.error().diagnostics[0].code, "artifact.invalid");
  std::string text = status.error().diagnostics[0].message;
  for (const std::string_view words : {"compiled model: ", " is out of range"})
    if (const size_t at = text.find(words); at != std::string::npos) text.erase(at, words.size());
  return text;
}

struct Case {
  std::function<void(Model&)> change;
  std::string says;
};
void check(const std::vector<Case>& cases) {
  for (size_t i = 0; i < cases.size(); ++i) EXPECT_EQ(said(cases[i].change), cases[i].says) << i;
}

const auto kNoType = static_cast<DType>(kDTypeCount);

TEST(Validate, the_sample_holds) {
  check({{[](Model&) {}, ""}});
}

TEST(Validate, states_and_roles) {
  const auto copy_to = [](Model& m, uint32_t slot) { m.steps[0] = {StepKind::copy, slot, 4, 0}; };
  check({
      {[](Model& m) { m.states[0].dtype = kNoType; }, "type of state 0"},
      {[](Model& m) { m.states[0].dims[1].reg = 5; }, "extent of state 0"},
      {[](Model& m) { m.states[0].reserved = UINT64_MAX; }, "reserve of state 0"},
      {[](Model& m) { m.states[1].reserved = 1; }, "reserve of state 1"},
      {[](Model& m) { m.states[0].constant = 3; }, "initial value of state 0"},
      {[](Model& m) { m.states[0].constant = 0; }, "initial value of state 0"},
      {[](Model& m) { m.states[0].constant = kNone; }, "initial value of state 0"},
      {[](Model& m) { m.states[0].initial = {75}; }, "initial value of state 0"},
      {[](Model& m) { m.states[0].initial = {-1, -75}; }, "initial value of state 0"},
      {[](Model& m) { m.slots[4] = {SlotKind::state, 2}; }, "slot 4"},
      {[](Model& m) { m.slots[4] = {SlotKind::state, 1}; }, ""},
      {[](Model& m) { m.steps[0] = {StepKind::resize, 2}; }, "step 0"},
      {[](Model& m) { m.steps[0] = {StepKind::resize, 1}; }, ""},
      {[](Model& m) { m.inputs[0].role = static_cast<InputRole>(kInputRoleCount); },
       "role of input 0"},
      {[](Model& m) { m.inputs[1].role = InputRole::inout; }, "default of input 1"},
      {[&](Model& m) { copy_to(m, 4); }, ""},
      {[&](Model& m) { copy_to(m, 0); }, "step 0"},  // an input
      {[&](Model& m) { copy_to(m, 2); }, "step 0"},  // a constant
      {[&](Model& m) {
         copy_to(m, 0);
         m.inputs[1].role = InputRole::inout;
         m.inputs[1].constant = kNone;
       },
       ""},
  });
}

TEST(Validate, devices_and_their_memory) {
  // Slot 1 lies on a device, of which call 1 takes the other slot.
  const auto on_device = [](const std::function<void(Model&)>& change) {
    return [change](Model& m) {
      m.devices = {"d", "e"};
      m.device_buffers = {{1, 4}, {2, 4}};
      m.host_functions = {"f"};
      m.slots[1] = {SlotKind::device, 0};
      m.slots[4] = {SlotKind::device, 1};
      m.outputs[0].slot = 3;
      m.calls = {{0, 1, 0, 1, 0}, {1, 1, 0, 1, kNone}};
      m.buffer_list = {3, 1};
      m.steps = {{StepKind::allocate, 0}, {StepKind::launch, 1, 1, 4, 4, 0, 1}};
      change(m);
    };
  };
  const auto step = [&](Step s) { return on_device([s](Model& m) { m.steps[0] = s; }); };
  check({
      {on_device([](Model&) {}), ""},
      {on_device([](Model& m) { m.device_buffers[0].device = 0; }), "device buffer 0"},
      {on_device([](Model& m) { m.device_buffers[1].device = 3; }), "device buffer 1"},
      {on_device([](Model& m) { m.device_buffers[1].bytes = 5; }), "device buffer 1"},
      {on_device([](Model& m) { m.slots[1].index = 2; }), "slot 1"},
      {on_device([](Model& m) { m.outputs[0].slot = 1; }), "slot of output 0"},
      {on_device([](Model& m) { m.steps[1].device = 0; }), "step 1"},
      {on_device([](Model& m) { m.steps[1].device = 2; }), "step 1"},
      {on_device([](Model& m) { m.steps[1].a = 0; }), "step 1"},
      {step({StepKind::allocate, 2}), "step 0"},
      {step({StepKind::allocate, 0, 0, 0, 0, 0, 1}), "step 0"},
      {step({StepKind::copy, 1, 3, 0}), ""},
      {step({StepKind::copy, 3, 1, 0}), ""},
      {step({StepKind::copy, 1, 1, 0}), ""},
      {step({StepKind::copy, 1, 4, 0}), "step 0"},
      {step({StepKind::write, 1, 0, 1, 0}), "step 0"},
      {step({StepKind::append, 0, 1, 0, 0}), "step 0"},
      {step({StepKind::host_call, 0, 0}), ""},
      {step({StepKind::host_call, 0, 1}), "step 0"},
      {step({StepKind::host_call, 1, 0}), "step 0"},
      {on_device(
           [](Model& m) { m.size_ops[1] = {SizeOpCode::element, DType::i64, 0, 0, 1, 0, 0}; }),
       "size operation 1"},
  });
}

TEST(Validate, inputs_outputs_and_kernels) {
  check({
      {[](Model& m) { m.inputs[0].dtype = kNoType; }, "type of input 0"},
      {[](Model& m) { m.outputs[0].bytes = 4; }, "slot of output 0"},  // not an arena slot
      {[](Model& m) { m.outputs[0].slot = 1, m.outputs[0].bytes = 4; }, ""},
      {[](Model& m) { m.outputs[0].slot = 1, m.outputs[0].bytes = 5; }, "slot of output 0"},
      {[](Model& m) {
         m.outputs[0].slot = 1, m.outputs[0].bytes = 4;
         m.outputs.push_back(m.outputs[0]);
       },
       "slot of output 1"},
      {[](Model& m) { m.inputs[0].dtype = DType::f4e2m1; }, ""},
      {[](Model& m) { m.inputs[0].dims[0].symbol = 1; }, "symbol of input 0"},
      {[](Model& m) { m.inputs[0].below = 5; }, "bound of input 0"},
      {[](Model& m) { m.inputs[1].constant = 3; }, "default of input 1"},
      {[](Model& m) { m.inputs[1].constant = 0; }, "default of input 1"},
      {[](Model& m) { m.inputs[1].dims[0].extent = 74; }, "default of input 1"},
      {[](Model& m) { m.inputs[1].dims[0].extent = -1; }, "default of input 1"},
      {[](Model& m) { m.inputs[1].dtype = DType::f64; }, "default of input 1"},
      {[](Model& m) { m.inputs[1] = {"k", DType::f32, {{"0", kNone, 0}}, kNone, 2}; }, ""},
      {[](Model& m) {  // four times this many bytes wrap to none
         m.inputs[1] = {
             "k", DType::f32, {{"", kNone, int64_t{1} << 62}, {"4", kNone, 4}}, kNone, 2};
       },
       "default of input 1"},
      {[](Model& m) { m.outputs[0].dtype = kNoType; }, "slot of output 0"},
      {[](Model& m) { m.outputs[0].slot = 5; }, "slot of output 0"},
      {[](Model& m) { m.outputs[0].dims[0].reg = 5; }, "extent of output 0"},
      {[](Model& m) { m.outputs[0].dims[0].reg = kNone; }, "extent of output 0"},
      {[](Model& m) { m.kernels[0].flops = 5; }, "cost of kernel 0"},
      {[](Model& m) { m.kernels[0].bytes = 5; }, "cost of kernel 0"},
      {[](Model& m) { m.kernels[0].flops = m.kernels[0].bytes = kNone; }, ""},
  });
}

TEST(Validate, entries_are_in_the_code_or_are_functions) {
  const KernelFn none = nullptr;
  check({
      {[](Model& m) { m.entries[1].offset = 100; }, "code offset of entry 1"},
      {[&](Model& m) { m.functions = {none}; }, "function table 0"},
      {[&](Model& m) { m.functions = {none, none, none}; }, "function table 0"},
      {[&](Model& m) {
         m.functions = {none, none};
         m.entries[1].offset = 100;
       },
       ""},
  });
}

TEST(Validate, operands_of_size_operations) {
  struct Row {
    SizeOp op;
    bool holds;
  };
  using enum SizeOpCode;
  const DType t = DType::i64;
  const std::vector<Row> rows = {
      {{move, t, 0, 4, 4, 9, 9}, true},
      {{move, t, 0, 5, 0, 0, 0}, false},
      {{move, t, 0, 0, 5, 0, 0}, false},
      {{not_, t, 0, 0, 4, 9, 9}, true},
      {{not_, t, 0, 0, 5, 0, 0}, false},
      {{input_extent, t, 0, 0, 1, 0, 9}, true},
      {{input_extent, t, 0, 0, 2, 0, 0}, false},
      {{input_extent, t, 0, 0, 0, 2, 0}, false},
      {{element, t, 0, 0, 4, 4, 9}, true},
      {{element, t, 0, 0, 5, 0, 0}, false},
      {{element, t, 0, 0, 0, 5, 0}, false},
      {{element, kNoType, 0, 0, 0, 0, 0}, false},
      {{select, t, 0, 0, 4, 4, 4}, true},
      {{select, t, 0, 0, 5, 0, 0}, false},
      {{select, t, 0, 0, 0, 5, 0}, false},
      {{select, t, 0, 0, 0, 0, 5}, false},
      {{SizeOpCode::check, t, 0, 0, 4, 0, 9}, true},
      {{SizeOpCode::check, t, 0, 0, 5, 0, 0}, false},
      {{SizeOpCode::check, t, 0, 0, 0, 1, 0}, false},
      {{bytes, t, 0, 0, 4, 4, 9}, true},
      {{bytes, t, 0, 0, 5, 0, 0}, false},
      {{bytes, t, 0, 0, 0, 5, 0}, false},
      {{static_cast<SizeOpCode>(kSizeOpCount), t, 0, 0, 0, 0, 0}, false},
  };
  for (size_t i = 0; i < rows.size(); ++i)
    EXPECT_EQ(said([&](Model& m) { m.size_ops[0] = rows[i].op; }),
              rows[i].holds ? "" : "size operation 0")
        << i;
}

TEST(Validate, stages_and_blocks) {
  check({
      {[](Model& m) { m.stages[0].ops = 3; }, "operations of stage 0"},
      {[](Model& m) { m.stages[1].ops = 1; }, "operations of stage 1"},
      {[](Model& m) { m.stages[1].first_op = 3; }, "operations of stage 1"},
      {[](Model& m) { m.stages[0].first_block = 1; }, "blocks of stage 0"},
      {[](Model& m) { m.stages[1].first_block = 0; }, "blocks of stage 1"},
      {[](Model& m) { m.stages[1].blocks = 2; }, "blocks of stage 1"},
      {[](Model& m) { m.blocks.push_back(0); }, "number of blocks 3"},
      {[](Model& m) { m.blocks[1] = 5; }, "size of block 1"},
  });
}

TEST(Validate, slots_and_dynamic_buffers) {
  check({
      {[](Model& m) { m.slots[0].index = 2; }, "slot 0"},
      {[](Model& m) { m.slots[1].index = 2; }, "slot 1"},
      {[](Model& m) { m.slots[1].offset = 5; }, "slot 1"},
      {[](Model& m) { m.slots[1].offset = kNone; }, "slot 1"},
      {[](Model& m) { m.slots[2].index = 3; }, "slot 2"},
      {[](Model& m) { m.slots[3].index = 1; }, "slot 3"},
      {[](Model& m) { m.slots[4].kind = static_cast<SlotKind>(7); }, "slot 4"},
      {[](Model& m) { m.dynamics[0] = 5; }, "dynamic buffer 0"},
  });
}

TEST(Validate, calls_and_their_arguments) {
  check({
      {[](Model& m) { m.calls[0].buffers = 3; }, "arguments of call 0"},
      {[](Model& m) { m.calls[0].buffers = UINT32_MAX; }, "arguments of call 0"},
      {[](Model& m) { m.calls[1].first_buffer = 3; }, "arguments of call 1"},
      {[](Model& m) { m.calls[0].sizes = 2; }, "arguments of call 0"},
      {[](Model& m) { m.calls[1].first_size = 2; }, "arguments of call 1"},
      {[](Model& m) { m.calls[0].where = 1; }, "arguments of call 0"},
      {[](Model& m) { m.buffer_list[1] = 5; }, "buffer argument 1"},
      {[](Model& m) { m.register_list[0] = 5; }, "size argument 0"},
  });
}

TEST(Validate, operands_of_steps) {
  struct Row {
    Step step;
    bool holds;
  };
  using enum StepKind;
  const std::vector<Row> rows = {
      {{launch, 1, 1, 4, 4, 0}, true},
      {{launch, 2, 0, 0, 0, 0}, false},
      {{launch, 0, 2, 0, 0, 0}, false},
      {{launch, 0, 0, 5, 0, 0}, false},
      {{launch, 0, 0, 0, 5, 0}, false},
      {{launch, 0, 0, 0, 0, 1}, false},
      {{stage, 1}, true},
      {{stage, 2}, false},
      {{jump, 2}, true},
      {{jump, 3}, false},
      {{unless, 4, 2}, true},
      {{unless, 5, 0}, false},
      {{unless, 0, 3}, false},
      {{copy, 4, 4, 4}, true},
      {{copy, 5, 0, 0}, false},
      {{copy, 0, 5, 0}, false},
      {{copy, 0, 0, 5}, false},
      {{bind, 4, 4}, true},
      {{bind, 5, 0}, false},
      {{bind, 4, 5}, false},
      {{bind, 0, 4}, false},
      {{write, 4, 0, 1, kDTypeCount - 1}, true},
      {{write, 4, 1, 0, 0}, true},
      {{write, 5, 0, 1, 0}, false},
      {{write, 4, 1, 1, 0}, false},
      {{write, 4, 2, 0, 0}, false},
      {{write, 4, 0, 1, kDTypeCount}, false},
      {{reserve, 0, 4}, true},
      {{reserve, 1, 0}, false},
      {{reserve, 0, 5}, false},
      {{swap, 0, 0}, true},
      {{swap, 1, 0}, false},
      {{swap, 0, 1}, false},
      {{append, 0, 4, 4, 4}, true},
      {{append, 1, 0, 0, 0}, false},
      {{append, 0, 5, 0, 0}, false},
      {{append, 0, 0, 5, 0}, false},
      {{append, 0, 0, 0, 5}, false},
      {{static_cast<StepKind>(kStepKindCount)}, false},
  };
  for (size_t i = 0; i < rows.size(); ++i)
    EXPECT_EQ(said([&](Model& m) { m.steps[1] = rows[i].step; }), rows[i].holds ? "" : "step 1")
        << i;
}

}  // namespace
}  // namespace tenon::artifact
