// Kernels that run on another device than the host: operands are copied there, results stay there
// until something of the host reads them.
#include <algorithm>

#include "compiler/package/packager.h"
#include "support/check.h"

namespace tenon::compiler::packaging {

using artifact::StepKind;
using ir::Expr;
using ir::ParamRole;

uint32_t Packager::device_of(const ir::Kernel* kernel) {
  const auto named = compilation_.device_of.find(kernel);
  if (named == compilation_.device_of.end()) return 0;
  std::vector<std::string>& all = model_.devices;
  const auto known = std::find(all.begin(), all.end(), named->second);
  const auto index = static_cast<uint32_t>(known - all.begin());
  if (known == all.end()) all.push_back(named->second);
  return index + 1;
}

Result<Value> Packager::new_on_device(ir::Type type, uint32_t device) {
  TENON_TRY(const graph::SizeTerm bytes, sizes_.bytes_of(type));
  Value v = storages_.add_on_device(bytes, device);
  v.type = type;
  return v;
}

/// A value of a device becomes one of the host, once for all that read it.
Status Packager::to_host(Value& value) {
  if (value.device == 0) return {};
  TENON_TRY(const Value here, storages_.add(value.type));
  TENON_TRY_VOID(copy_value(here, value));
  storages_.use(here);
  value = here;
  return {};
}

Result<Value> Packager::value_on_device(Expr e, uint32_t device, Activation& a) {
  const auto made = a.values.find(e);
  if (made != a.values.end() && made->second.size() == 1 && made->second[0].device == device)
    return made->second[0];
  const auto known = a.on_device.find({e->id, device});
  if (known != a.on_device.end()) return known->second;
  TENON_TRY(const Value here, value_of(e, a));
  TENON_TRY(Value there, new_on_device(here.type, device));
  TENON_TRY_VOID(copy_value(there, here));
  a.on_device.emplace(std::pair(e->id, device), there);
  return there;
}

/// Values of the params in order: what the kernel changes is a copy of its own. A result that a
/// loop carries goes to the loop's buffer at once.
Status Packager::device_call(Expr n, const ir::Kernel& k, const Prepared& p,
                             const std::vector<Reg>& sizes, uint32_t device, Activation& a) {
  const std::vector<ir::Type> types =
      n->type->kind == ir::TypeKind::tuple ? n->type->fields : std::vector<ir::Type>{n->type};
  Values params, results;
  size_t operand = 0;
  for (const ir::KernelParam& param : k.params) {
    Value v;
    if (!ir::is_read(param.role)) {
      TENON_TRY(v, new_on_device(types[results.size()], device));
    } else if (has_own_bytes(param)) {
      TENON_TRY(const Value packed, packed_constant(param, n->operand(operand)));
      const uint64_t bytes = model_.constants[model_.slots[packed.slot].index].size;
      v = storages_.add_on_device({static_cast<int64_t>(bytes), 0}, device);
      step({StepKind::copy, v.slot, packed.slot, sizes_.constant(static_cast<int64_t>(bytes)), 0,
            0});
    } else {
      TENON_TRY(v, value_on_device(n->operand(operand), device, a));
      if (param.role == ParamRole::inout) {
        TENON_TRY(const Value changed, new_on_device(v.type, device));
        TENON_TRY_VOID(copy_value(changed, v));
        v = changed;
      }
    }
    operand += ir::is_read(param.role) ? 1 : 0;
    if (ir::is_written(param.role)) results.push_back(v);
    params.push_back(std::move(v));
  }
  write_call(n, p, params, sizes, storages_.now(), device);
  for (size_t field = 0; field < results.size(); ++field) {
    const auto redirect = a.redirects.find({n->id, field});
    if (redirect == a.redirects.end()) continue;
    const Value carried{storages_.dynamic_slot(redirect->second), types[field], {}};
    TENON_TRY_VOID(copy_value(carried, results[field]));
    results[field] = carried;
  }
  a.values[n] = std::move(results);
  return {};
}

}  // namespace tenon::compiler::packaging
