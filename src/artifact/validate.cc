// Checks that let the runtime index tables without looking: every index is below its table's size.
#include <set>

#include "artifact/model.h"
#include "support/text.h"

namespace tenon::artifact {
namespace {

constexpr uint64_t kMostReserved = uint64_t{1} << 40;

/// Collects the first problem.
class Checker {
 public:
  explicit Checker(const Model& model) : m_(model) {}

  Status run() {
    check_interface();
    check_sizes();
    check_storage();
    check_calls();
    for (size_t i = 0; i < m_.steps.size(); ++i) check_step(i);
    if (problem_.empty()) return {};
    return fail("artifact.invalid", "compiled model: " + problem_);
  }

 private:
  void expect(bool holds, std::string_view what, size_t index) {
    if (!holds && problem_.empty()) problem_ = cat(what, " ", index, " is out of range");
  }
  bool reg(uint32_t r) const { return r < m_.registers.size(); }
  bool slot(uint32_t s) const { return s < m_.slots.size(); }
  static bool range(uint64_t first, uint64_t count, size_t size) {
    return first <= size && count <= size - first;
  }
  static bool dtype(DType t) { return static_cast<int>(t) < kDTypeCount; }

  /// A constant holds exactly a tensor of that type and shape.
  bool constant_fits(uint32_t constant, DType type, std::span<const int64_t> shape) const {
    if (constant >= m_.constants.size() || !dtype(type)) return false;
    uint64_t bytes = info(type).element_bytes;
    for (const int64_t d : shape)
      if (d < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(d), &bytes)) return false;
    return bytes == m_.constants[constant].size;
  }

  bool default_fits(const Input& in) const {
    if (in.constant == kNone) return true;
    std::vector<int64_t> shape;
    for (const InputDim& d : in.dims) shape.push_back(d.extent);
    return in.role != InputRole::inout && constant_fits(in.constant, in.dtype, shape);
  }

  bool initial_fits(const State& s) const {
    if (s.constant == kNone) return s.initial.empty();
    return s.initial.size() == s.dims.size() && constant_fits(s.constant, s.dtype, s.initial);
  }

  void check_states() {
    for (size_t i = 0; i < m_.states.size(); ++i) {
      const State& s = m_.states[i];
      expect(dtype(s.dtype), "type of state", i);
      for (const OutputDim& d : s.dims) expect(reg(d.reg), "extent of state", i);
      expect(s.reserved <= kMostReserved && (s.reserved == 0 || !s.dims.empty()),
             "reserve of state", i);
      expect(initial_fits(s), "initial value of state", i);
    }
  }

  bool output_slot(const Output& out) {
    if (!dtype(out.dtype) || !host_slot(out.slot)) return false;
    if (out.bytes == kNone) return true;
    return reg(out.bytes) && m_.slots[out.slot].kind == SlotKind::arena &&
           direct_.insert(out.slot).second;
  }

  void check_interface() {
    for (size_t i = 0; i < m_.inputs.size(); ++i) {
      expect(dtype(m_.inputs[i].dtype), "type of input", i);
      for (const InputDim& d : m_.inputs[i].dims)
        expect(d.symbol == kNone || d.symbol < m_.symbols.size(), "symbol of input", i);
      expect(m_.inputs[i].below == kNone || reg(m_.inputs[i].below), "bound of input", i);
      expect(static_cast<uint32_t>(m_.inputs[i].role) < kInputRoleCount, "role of input", i);
      expect(default_fits(m_.inputs[i]), "default of input", i);
    }
    check_states();
    for (size_t i = 0; i < m_.outputs.size(); ++i) {
      expect(output_slot(m_.outputs[i]), "slot of output", i);
      for (const OutputDim& d : m_.outputs[i].dims) expect(reg(d.reg), "extent of output", i);
    }
    for (size_t i = 0; i < m_.kernels.size(); ++i) {
      const KernelInfo& k = m_.kernels[i];
      expect((k.flops == kNone || reg(k.flops)) && (k.bytes == kNone || reg(k.bytes)),
             "cost of kernel", i);
    }
    const bool functions = !m_.functions.empty();
    expect(!functions || m_.functions.size() == m_.entries.size(), "function table", 0);
    for (size_t i = 0; i < m_.entries.size(); ++i)
      expect(functions || m_.entries[i].offset < m_.code.size(), "code offset of entry", i);
  }

  bool size_op(const SizeOp& op) const {
    if (!reg(op.dst)) return false;
    switch (op.code) {
      case SizeOpCode::move:
      case SizeOpCode::not_:
        return reg(op.a);
      case SizeOpCode::input_extent:
        return op.a < m_.inputs.size() && op.b < m_.inputs[op.a].dims.size();
      case SizeOpCode::element:
        return host_slot(op.a) && reg(op.b) && dtype(op.dtype);
      case SizeOpCode::select:
        return reg(op.a) && reg(op.b) && reg(op.c);
      case SizeOpCode::check:
        return reg(op.a) && op.b < m_.messages.size();
      default:
        return static_cast<int>(op.code) < kSizeOpCount && reg(op.a) && reg(op.b);
    }
  }

  void check_sizes() {
    for (size_t i = 0; i < m_.size_ops.size(); ++i)
      expect(size_op(m_.size_ops[i]), "size operation", i);
    uint64_t next_block = 0;
    for (size_t i = 0; i < m_.stages.size(); ++i) {
      const Stage& s = m_.stages[i];
      expect(range(s.first_op, s.ops, m_.size_ops.size()), "operations of stage", i);
      expect(s.first_block == next_block && range(s.first_block, s.blocks, m_.blocks.size()),
             "blocks of stage", i);
      next_block += s.blocks;
    }
    expect(next_block == m_.blocks.size(), "number of blocks", m_.blocks.size());
    for (size_t i = 0; i < m_.blocks.size(); ++i) expect(reg(m_.blocks[i]), "size of block", i);
  }

  void check_storage() {
    for (size_t i = 0; i < m_.slots.size(); ++i) {
      const Slot& s = m_.slots[i];
      bool ok = false;
      switch (s.kind) {
        case SlotKind::bound:
          ok = true;
          break;
        case SlotKind::input:
          ok = s.index < m_.inputs.size();
          break;
        case SlotKind::constant:
          ok = s.index < m_.constants.size();
          break;
        case SlotKind::arena:
          ok = s.index < m_.blocks.size() && reg(s.offset);
          break;
        case SlotKind::dynamic:
          ok = s.index < m_.dynamics.size();
          break;
        case SlotKind::state:
          ok = s.index < m_.states.size();
          break;
        case SlotKind::device:
          ok = s.index < m_.device_buffers.size();
          break;
      }
      expect(ok, "slot", i);
    }
    for (size_t i = 0; i < m_.device_buffers.size(); ++i) {
      const DeviceBuffer& b = m_.device_buffers[i];
      expect(b.device >= 1 && b.device <= m_.devices.size() && reg(b.bytes), "device buffer", i);
    }
    for (size_t i = 0; i < m_.dynamics.size(); ++i)
      expect(slot(m_.dynamics[i]), "dynamic buffer", i);
  }

  void check_calls() {
    for (size_t i = 0; i < m_.calls.size(); ++i) {
      const Call& c = m_.calls[i];
      expect(range(c.first_buffer, c.buffers, m_.buffer_list.size()) &&
                 range(c.first_size, c.sizes, m_.register_list.size()) &&
                 (c.where == kNone || c.where < m_.messages.size()),
             "arguments of call", i);
    }
    for (size_t i = 0; i < m_.buffer_list.size(); ++i)
      expect(slot(m_.buffer_list[i]), "buffer argument", i);
    for (size_t i = 0; i < m_.register_list.size(); ++i)
      expect(reg(m_.register_list[i]), "size argument", i);
  }

  /// The device whose memory the slot points to; 0: the host.
  uint32_t device_of(uint32_t s) const {
    const Slot& row = m_.slots[s];
    if (row.kind != SlotKind::device || row.index >= m_.device_buffers.size()) return 0;
    return m_.device_buffers[row.index].device;
  }
  bool host_slot(uint32_t s) const { return slot(s) && device_of(s) == 0; }

  /// All buffers of the call lie on that device.
  bool call_on(uint32_t call, uint32_t device) const {
    if (call >= m_.calls.size()) return false;
    const Call& c = m_.calls[call];
    if (!range(c.first_buffer, c.buffers, m_.buffer_list.size())) return false;
    for (uint32_t i = c.first_buffer; i < c.first_buffer + c.buffers; ++i)
      if (!slot(m_.buffer_list[i]) || device_of(m_.buffer_list[i]) != device) return false;
    return true;
  }

  /// Devices exchange memory with the host only.
  bool copy_step(const Step& s) const {
    if (!slot(s.a) || !slot(s.b) || !reg(s.c) || !is_writable(s.a)) return false;
    const uint32_t to = device_of(s.a);
    const uint32_t from = device_of(s.b);
    return to == from || to == 0 || from == 0;
  }

  /// Neither a constant nor what a caller lends for reading.
  bool is_writable(uint32_t s) const {
    const Slot& row = m_.slots[s];
    if (row.kind == SlotKind::input)
      return row.index < m_.inputs.size() && m_.inputs[row.index].role == InputRole::inout;
    return row.kind != SlotKind::constant;
  }

  void check_step(size_t i) {
    const Step& s = m_.steps[i];
    const size_t dynamics = m_.dynamics.size();
    bool ok = false;
    switch (s.kind) {
      case StepKind::launch:
        ok = call_on(s.a, s.device) && s.b < m_.entries.size() && reg(s.c) && reg(s.d) &&
             s.e < m_.kernels.size() && s.device <= m_.devices.size();
        break;
      case StepKind::stage:
        ok = s.a < m_.stages.size();
        break;
      case StepKind::jump:
        ok = s.a <= m_.steps.size();
        break;
      case StepKind::unless:
        ok = reg(s.a) && s.b <= m_.steps.size();
        break;
      case StepKind::copy:
        ok = copy_step(s);
        break;
      case StepKind::bind:
        ok = slot(s.a) && host_slot(s.b) && m_.slots[s.a].kind == SlotKind::bound;
        break;
      case StepKind::write:
        ok = host_slot(s.a) && range(s.b, s.c, m_.register_list.size()) &&
             s.d < static_cast<uint32_t>(kDTypeCount);
        break;
      case StepKind::reserve:
        ok = s.a < dynamics && reg(s.b);
        break;
      case StepKind::swap:
        ok = s.a < dynamics && s.b < dynamics;
        break;
      case StepKind::append:
        ok = s.a < dynamics && host_slot(s.b) && reg(s.c) && reg(s.d);
        break;
      case StepKind::resize:
        ok = s.a < m_.states.size();
        break;
      case StepKind::allocate:
        ok = s.a < m_.device_buffers.size();
        break;
      case StepKind::host_call:
        ok = call_on(s.a, 0) && s.b < m_.host_functions.size();
        break;
    }
    expect(ok && (s.device == 0 || s.kind == StepKind::launch), "step", i);
  }

  const Model& m_;
  std::set<uint32_t> direct_;  // slots that kernels write in the caller's memory
  std::string problem_;
};

}  // namespace

Status validate(const Model& model) { return Checker(model).run(); }

uint64_t constant_bytes(const Model& model) {
  uint64_t total = 0;
  for (const Constant& c : model.constants) total += c.size;
  return total;
}

}  // namespace tenon::artifact
