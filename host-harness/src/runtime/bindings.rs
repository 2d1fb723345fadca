//! What `bindgen!` makes of the contract, with the contract's own types in place of generated ones.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "openfactory:itsm/itsm-plugin",
    imports: { default: trappable },
    exports: { default: async },
    require_store_data_send: true,
    with: {
        "openfactory:itsm/types@0.1.0": contract::types,
        "openfactory:itsm/events@0.1.0": contract::events,
        "openfactory:itsm/answers@0.1.0": contract::answers,
        "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "wasi:http": wasmtime_wasi_http::p2::bindings::http,
    },
});

/// The contract's types as `bindgen!` expects interfaces: beside the types, a trait to implement and a function that
/// links it. Interfaces of types alone have nothing to implement and nothing to link.
#[allow(dead_code, reason = "`bindgen!` asks for all of it, and uses none where nothing is linked")]
mod contract {
    macro_rules! interface {
        ($name:ident) => {
            pub mod $name {
                pub use itsm_contract::$name::*;

                pub trait Host {}

                impl<T: ?Sized> Host for T {}

                pub trait HostWithStore<T> {}

                impl<T, D: ?Sized> HostWithStore<T> for D {}

                pub fn add_to_linker<T, D>(
                    _: &mut wasmtime::component::Linker<T>,
                    _: fn(&mut T) -> D::Data<'_>,
                ) -> wasmtime::Result<()>
                where
                    T: 'static,
                    D: wasmtime::component::HasData,
                {
                    Ok(())
                }
            }
        };
    }

    interface!(types);
    interface!(events);
    interface!(answers);
}
