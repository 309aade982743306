//! The guest's memory as host calls see it.

use wasmtime::{Caller, Extern, Memory};

use super::{Fields, HostState, Lie, Status};

/// A running host call.
pub(super) struct Guest<'a, 'b>(pub(super) &'a mut Caller<'b, HostState>);

impl Guest<'_, '_> {
    pub(super) fn state(&mut self) -> &mut HostState {
        self.0.data_mut()
    }

    fn memory(&mut self) -> Result<Memory, Status> {
        self.0
            .get_export("memory")
            .and_then(Extern::into_memory)
            .ok_or(Status::InvalidMemoryAccess)
    }

    pub(super) fn read(&mut self, address: u32, size: u32) -> Result<Vec<u8>, Status> {
        let memory = self.memory()?;
        let (start, size) = (address as usize, size as usize);
        let bytes = memory
            .data(&*self.0)
            .get(start..start.saturating_add(size))
            .ok_or(Status::InvalidMemoryAccess)?;
        Ok(bytes.to_vec())
    }

    pub(super) fn text(&mut self, address: u32, size: u32) -> Result<String, Status> {
        String::from_utf8(self.read(address, size)?).map_err(|_| Status::BadArgument)
    }

    pub(super) fn read_u32(&mut self, address: u32) -> Result<u32, Status> {
        let bytes = self.read(address, 4)?;
        Ok(u32::from_le_bytes(
            bytes.try_into().map_err(|_| Status::InvalidMemoryAccess)?,
        ))
    }

    pub(super) fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), Status> {
        let memory = self.memory()?;
        memory
            .write(&mut *self.0, address as usize, bytes)
            .map_err(|_| Status::InvalidMemoryAccess)
    }

    pub(super) fn write_u32(&mut self, address: u32, value: u32) -> Result<(), Status> {
        self.write(address, &value.to_le_bytes())
    }

    /// Returns bytes in memory that the guest allocates, as the ABI requires; writes nothing if
    /// there are no bytes.
    pub(super) fn give(&mut self, address: u32, size: u32, bytes: &[u8]) -> Result<(), Status> {
        let length = u32::try_from(bytes.len()).map_err(|_| Status::InternalFailure)?;
        if let Some(lie) = self.state().lie.take() {
            return self.lie(address, size, length, bytes, lie);
        }
        if length > 0 {
            let place = self.hand_over(bytes)?;
            self.write_u32(address, place)?;
        }
        self.write_u32(size, length)
    }

    fn lie(
        &mut self,
        address: u32,
        size: u32,
        length: u32,
        bytes: &[u8],
        lie: Lie,
    ) -> Result<(), Status> {
        const ELSEWHERE: u32 = 4096;
        let (place, length) = match lie {
            Lie::Nothing => (0, 0),
            Lie::Nowhere => (0, length.max(1)),
            Lie::Elsewhere => (ELSEWHERE, length.max(1)),
            Lie::TooMany => (self.hand_over(bytes)?, u32::MAX),
            Lie::Noise => (self.hand_over(&vec![0xff; bytes.len()])?, length),
            Lie::Spare => {
                self.allocate(length.saturating_add(1))?;
                (self.hand_over(bytes)?, length)
            }
        };
        self.write_u32(address, place)?;
        self.write_u32(size, length)
    }

    fn hand_over(&mut self, bytes: &[u8]) -> Result<u32, Status> {
        let place =
            self.allocate(u32::try_from(bytes.len()).map_err(|_| Status::InternalFailure)?)?;
        self.write(place, bytes)?;
        Ok(place)
    }

    fn allocate(&mut self, size: u32) -> Result<u32, Status> {
        let exports = ["proxy_on_memory_allocate", "malloc"];
        let function = exports
            .iter()
            .find_map(|name| self.0.get_export(name).and_then(Extern::into_func));
        let function = function.ok_or(Status::InternalFailure)?;
        let function = function
            .typed::<u32, u32>(&*self.0)
            .map_err(|_| Status::InternalFailure)?;
        function
            .call(&mut *self.0, size)
            .map_err(|_| Status::InternalFailure)
    }
}

/// Serializes a header map as the ABI specifies: count, sizes, then each name and value followed by
/// NUL.
pub(super) fn serialize(fields: &Fields) -> Vec<u8> {
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = u32::try_from(fields.len())
        .unwrap_or(u32::MAX)
        .to_le_bytes()
        .to_vec();
    for (name, value) in fields {
        bytes.extend([length(name), length(value)].concat());
    }
    for (name, value) in fields {
        bytes.extend([name, &b"\0"[..], value, b"\0"].concat());
    }
    bytes
}

/// Reads what [`serialize`] writes.
pub(super) fn deserialize(bytes: &[u8]) -> Option<Fields> {
    if bytes.is_empty() {
        return Some(Fields::new());
    }
    let (count, mut sizes) = number(bytes)?;
    let mut data = sizes.get(count.checked_mul(8)?..)?;
    let mut fields = Fields::new();
    for _ in 0..count {
        let (name_size, rest) = number(sizes)?;
        let (value_size, rest) = number(rest)?;
        sizes = rest;
        let name = data.get(..name_size)?.to_vec();
        data = data.get(name_size + 1..)?;
        let value = data.get(..value_size)?.to_vec();
        data = data.get(value_size + 1..)?;
        fields.push((name, value));
    }
    Some(fields)
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*number) as usize, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_map_comes_back_as_it_went() {
        for fields in [
            vec![],
            vec![
                (b"a".to_vec(), b"".to_vec()),
                (b"bb".to_vec(), b"\xff\0".to_vec()),
            ],
        ] {
            assert_eq!(deserialize(&serialize(&fields)), Some(fields));
        }
        assert_eq!(deserialize(&[9, 0, 0, 0]), None);
        assert_eq!(
            deserialize(&[1, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0]),
            None
        );
    }
}
